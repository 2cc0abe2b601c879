// The dense kernels that the engine and the quantizers use.

#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "benchmarks/case.h"
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/half.h"

namespace libquant::benchmarks {
namespace {

template <typename T>
std::vector<T> uniform(std::size_t count) {
  std::mt19937 rng(static_cast<unsigned>(count));
  std::uniform_real_distribution<T> values(-1, 1);
  std::vector<T> result(count);
  for (T& value : result) value = values(rng);
  return result;
}

double as_double(std::size_t count) { return static_cast<double>(count); }

std::vector<std::string> limits(std::string probe) {
  return probe.empty() ? std::vector<std::string>() : std::vector<std::string>{std::move(probe)};
}

PreparedCase prepare_gemm(const CaseName& name, ColdMemory& memory) {
  static constexpr std::array<std::string_view, 4> kKeys{"N", "M", "K", "T"};
  name.check_keys(kKeys);
  const std::size_t n = name.number("N"), m = name.number("M"), k = name.number("K");
  const auto w = uniform<float>(m * k);
  std::vector<std::byte> slot(m * k * sizeof(float));
  std::copy_n(reinterpret_cast<const std::byte*>(w.data()), slot.size(), slot.data());
  memory.fill(slot);
  const auto x = std::make_shared<std::vector<float>>(uniform<float>(n * k));
  const auto y = std::make_shared<std::vector<float>>(n * m);
  const auto run = [=, &memory] {
    const auto* weights = reinterpret_cast<const float*>(memory.take(1));
    kernels::linear_f32(n, m, k, x->data(), k, weights, k, false, y->data(), m);
  };
  return {{2 * as_double(n * m * k), as_double(4 * m * k), run}, limits(fma_probe_of(name.isa))};
}

PreparedCase prepare_gemm_bf16(const CaseName& name, ColdMemory& memory) {
  static constexpr std::array<std::string_view, 4> kKeys{"N", "M", "K", "T"};
  name.check_keys(kKeys);
  if (!kernels::has_bf16())
    throw std::invalid_argument(name.isa + " has no bf16 products on this machine");
  const std::size_t n = name.number("N"), m = name.number("M"), k = name.number("K");
  std::vector<std::byte> slot(m * k * sizeof(std::uint16_t));
  const auto w = uniform<float>(m * k);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::uint16_t bits = kernels::bf16_of_float(w[i]);
    std::memcpy(slot.data() + i * sizeof bits, &bits, sizeof bits);
  }
  memory.fill(slot);
  const auto x = std::make_shared<std::vector<float>>(uniform<float>(n * k));
  const auto y = std::make_shared<std::vector<float>>(n * m);
  const auto run = [=, &memory] {
    const auto* weights = reinterpret_cast<const std::uint16_t*>(memory.take(1));
    kernels::linear_bf16(n, m, k, x->data(), k, weights, k, false, y->data(), m);
  };
  return {{2 * as_double(n * m * k), as_double(2 * m * k), run}, limits(bf16_probe_of(name.isa))};
}

PreparedCase prepare_gemm_f64(const CaseName& name, ColdMemory& /*memory*/) {
  static constexpr std::array<std::string_view, 4> kKeys{"N", "M", "K", "T"};
  name.check_keys(kKeys);
  const std::size_t n = name.number("N"), m = name.number("M"), k = name.number("K");
  const auto a = std::make_shared<std::vector<double>>(uniform<double>(n * k));
  const auto b = std::make_shared<std::vector<double>>(uniform<double>(k * m));
  const auto c = std::make_shared<std::vector<double>>(n * m);
  const auto run = [=] {
    kernels::gemm_f64(n, m, k, {a->data(), static_cast<std::ptrdiff_t>(k), 1},
                      {b->data(), static_cast<std::ptrdiff_t>(m), 1}, false, c->data(), m);
  };
  return {{2 * as_double(n * m * k), 0, run}, limits("fma_f64")};
}

PreparedCase prepare_syrk(const CaseName& name, ColdMemory& /*memory*/) {
  static constexpr std::array<std::string_view, 3> kKeys{"N", "K", "T"};
  name.check_keys(kKeys);
  const std::size_t n = name.number("N"), k = name.number("K");
  const auto x = std::make_shared<std::vector<float>>(uniform<float>(n * k));
  const auto h = std::make_shared<std::vector<double>>(k * k);
  const auto run = [=] { kernels::syrk_f64_f32(n, k, x->data(), k, h->data(), k); };
  return {{as_double(n * k * k), 0, run}, limits(fma_probe_of(name.isa))};
}

// Only the visible (query, key) pairs count as work.
PreparedCase prepare_attention(const CaseName& name, ColdMemory& /*memory*/) {
  static constexpr std::array<std::string_view, 7> kKeys{"queries", "keys",     "window", "heads",
                                                         "kv",      "head_dim", "T"};
  name.check_keys(kKeys);
  const std::size_t queries = name.number("queries"), keys = name.number("keys", queries);
  const std::size_t window = name.number("window", 0);
  const std::size_t heads = name.number("heads"), kv = name.number("kv", 1, heads);
  const std::size_t dim = name.number("head_dim");
  const std::size_t ldq = heads * dim, ldkv = kv * dim;
  const auto q = std::make_shared<std::vector<float>>(uniform<float>(queries * ldq));
  const auto k = std::make_shared<std::vector<float>>(uniform<float>(keys * ldkv));
  const auto v = std::make_shared<std::vector<float>>(uniform<float>(keys * ldkv + 1));
  const auto out = std::make_shared<std::vector<float>>(queries * ldq);
  double pairs = 0;
  for (std::size_t i = 0; i < queries; ++i) {
    const std::size_t seen = keys - queries + i + 1;
    pairs += as_double(window > 0 && seen > window ? window : seen);
  }
  const auto run = [=] {
    kernels::attention_f32({queries, keys, heads, kv, dim, window, 0.125f}, q->data(), ldq,
                           k->data(), v->data(), ldkv, out->data(), ldq);
  };
  return {{pairs * as_double(4 * heads * dim), 0, run}, limits(fma_probe_of(name.isa))};
}

bool is_f32(std::string_view weights) noexcept { return weights == "f32"; }
bool is_bf16(std::string_view weights) noexcept { return weights == "bf16"; }
bool is_f64(std::string_view weights) noexcept { return weights == "f64"; }

}  // namespace

const Operation kDenseGemm{"gemm", is_f32, "gemm/f32/ISA/N:/M:/K:/T:", prepare_gemm};
const Operation kGemmBf16{"gemm", is_bf16, "gemm/bf16/ISA/N:/M:/K:/T:", prepare_gemm_bf16};
const Operation kGemmF64{"gemm_f64", is_f64, "gemm_f64/f64/ISA/N:/M:/K:/T:", prepare_gemm_f64};
const Operation kSyrk{"syrk", is_f32, "syrk/f32/ISA/N:/K:/T:", prepare_syrk};
const Operation kAttention{
    "attention", is_f32,
    "attention/f32/ISA/queries:/keys:/window:/heads:/kv:/head_dim:/T:", prepare_attention};

}  // namespace libquant::benchmarks
