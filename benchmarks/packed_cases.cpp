// Products with packed codes, from memory that no cache holds.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include "benchmarks/case.h"
#include "kernels/packed_matmul.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace libquant::benchmarks {
namespace {

using kernels::ActivationMode;
using kernels::ActivationScale;
using kernels::PackedFormat;
using kernels::PackedScale;
using kernels::PackedZero;

// "w4g128", "w8" (one group a row), then z for integer zeros or m for minimums, then f32 or bf16
// for other scales than f16: "w4g32m", "w4g64zf32".
std::optional<PackedFormat> format_named(std::string_view name) {
  PackedFormat format;
  const auto take = [&](std::string_view prefix) {
    const bool found = name.starts_with(prefix);
    if (found) name.remove_prefix(prefix.size());
    return found;
  };
  const auto number = [&](auto& value) {
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    return error == std::errc();
  };
  if (!take("w") || !number(format.bits)) return std::nullopt;
  if (take("g") && !number(format.group)) return std::nullopt;
  if (take("z")) format.zero = PackedZero::integer;
  if (take("m")) format.zero = PackedZero::minimum;
  if (take("f32")) format.scale = PackedScale::f32;
  if (take("bf16")) format.scale = PackedScale::bf16;
  return name.empty() ? std::optional(format) : std::nullopt;
}

bool is_packed(std::string_view weights) noexcept { return format_named(weights).has_value(); }

template <typename Value>
Value choice(const CaseName& name, std::string_view key,
             std::initializer_list<std::pair<std::string_view, Value>> values) {
  const std::string text = name.value(key, values.begin()->first);
  std::string known;
  for (const auto& [spelled, value] : values) {
    if (spelled == text) return value;
    known += ' ' + std::string(spelled);
  }
  throw std::invalid_argument("benchmark '" + name.text() + "': " + std::string(key) +
                              " is one of" + known);
}

std::vector<std::byte> random_weights(const PackedFormat& format) {
  std::mt19937 rng(static_cast<unsigned>(format.rows + format.cols));
  std::uniform_real_distribution<float> scale(0.001f, 0.01f);
  const std::size_t groups = format.rows * format.groups();
  std::vector<std::uint8_t> codes(format.rows * format.cols), zeros(groups);
  std::vector<float> scales(groups), minimums(groups);
  for (auto& code : codes) code = static_cast<std::uint8_t>(rng() >> (32 - format.bits));
  for (auto& zero : zeros) zero = static_cast<std::uint8_t>(rng() >> (32 - format.bits));
  for (float& value : scales) value = scale(rng);
  for (float& value : minimums) value = -8 * scale(rng);
  const std::unique_ptr<std::byte[], void (*)(void*)> packed(
      static_cast<std::byte*>(std::aligned_alloc(kernels::kLineBytes, format.bytes())), std::free);
  kernels::pack(format, {codes.data(), scales.data(), zeros.data(), minimums.data()}, packed.get());
  return {packed.get(), packed.get() + format.bytes()};
}

// As the engine's matrices lie: at cache lines, large ones in huge pages.
std::shared_ptr<float[]> aligned_floats(std::size_t count) {
  constexpr std::size_t kLarge = std::size_t{4} << 20, kHugePage = std::size_t{2} << 20;
  const std::size_t unit = count * sizeof(float) < kLarge ? kernels::kLineBytes : kHugePage;
  const std::size_t bytes = (count * sizeof(float) + unit - 1) / unit * unit;
  std::shared_ptr<float[]> memory(static_cast<float*>(std::aligned_alloc(unit, bytes)), std::free);
  if (memory == nullptr) throw std::bad_alloc();
#ifdef __linux__
  if (unit == kHugePage) static_cast<void>(madvise(memory.get(), bytes, MADV_HUGEPAGE));
#endif
  std::fill_n(memory.get(), count, 0.0f);
  return memory;
}

PreparedCase prepare(const CaseName& name, ColdMemory& memory) {
  static constexpr std::array<std::string_view, 6> kKeys{"N", "M",           "K",
                                                         "T", "activations", "scale"};
  name.check_keys(kKeys);
  PackedFormat format = *format_named(name.weights);
  const std::size_t n = name.number("N");
  format.rows = name.number("M");
  format.cols = name.number("K");
  if (!kernels::can_pack(format))
    throw std::invalid_argument("benchmark '" + name.text() + "': no kernel has these weights");
  kernels::MatmulOptions options;
  options.mode = choice<ActivationMode>(name, "activations",
                                        {{"automatic", ActivationMode::automatic},
                                         {"int8", ActivationMode::int8},
                                         {"int8_residual", ActivationMode::int8_residual},
                                         {"exact", ActivationMode::exact}});
  options.scale = choice<ActivationScale>(name, "scale",
                                          {{"group", ActivationScale::group},
                                           {"token", ActivationScale::token},
                                           {"tensor", ActivationScale::tensor}});
  options.tensor_scale = 1.0f / 127;
  memory.fill(random_weights(format));
  const std::shared_ptr<float[]> x = aligned_floats(n * format.cols);
  const std::shared_ptr<float[]> y = aligned_floats(n * format.rows);
  std::mt19937 rng(1);
  std::uniform_real_distribution<float> values(-1, 1);
  std::generate_n(x.get(), n * format.cols, [&] { return values(rng); });
  const auto run = [=, &memory] {
    kernels::packed_matmul(format, memory.take(1), n, x.get(), format.cols, y.get(), format.rows,
                           options);
  };
  const bool exact = kernels::resolved_mode(format, n, options.mode) == ActivationMode::exact;
  std::string limit = exact ? fma_probe_of(name.isa) : int8_probe_of(name.isa);
  PreparedCase prepared{
      {2 * static_cast<double>(n * format.rows) * static_cast<double>(format.cols),
       static_cast<double>(format.bytes()), run},
      {}};
  if (!limit.empty()) prepared.limits.push_back(std::move(limit));
  return prepared;
}

}  // namespace

const Operation kPackedGemm{
    "gemm", is_packed,
    "gemm/w{BITS}[g{GROUP}][z|m][f32|bf16]/ISA/N:/M:/K:/T:[/activations:automatic|int8|"
    "int8_residual|exact][/scale:group|token|tensor]",
    prepare};

}  // namespace libquant::benchmarks
