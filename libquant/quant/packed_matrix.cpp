#include "libquant/quant/packed_matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <numeric>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/packed_matmul.h"
#include "kernels/threads.h"
#include "kernels/workspace.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

kernels::PackedFormat format_of(const QuantizedMatrix& matrix) {
  const Scheme& scheme = matrix.scheme;
  kernels::PackedFormat format;
  format.rows = matrix.rows;
  format.cols = matrix.cols;
  format.bits = scheme.bits;
  format.group = scheme.group_size;
  format.zero = scheme.zero == ZeroKind::symmetric    ? kernels::PackedZero::symmetric
                : scheme.zero == ZeroKind::asymmetric ? kernels::PackedZero::integer
                                                      : kernels::PackedZero::minimum;
  format.scale = scheme.scale_type == ScaleType::f16    ? kernels::PackedScale::f16
                 : scheme.scale_type == ScaleType::bf16 ? kernels::PackedScale::bf16
                                                        : kernels::PackedScale::f32;
  return format;
}

// Columns in the order of their groups.
std::vector<std::uint32_t> order_of(const QuantizedMatrix& matrix) {
  std::vector<std::uint32_t> order(matrix.group_of.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return matrix.group_of[a] < matrix.group_of[b];
  });
  return order;
}

// Pages of 2 MB where that wastes little: the kernels read a large matrix faster from them.
std::byte* allocate(std::size_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20, kLine = 64;
  const bool huge = bytes >= 8 * kHugePage;
  const std::size_t unit = huge ? kHugePage : kLine;
  const std::size_t size = (std::max<std::size_t>(bytes, 1) + unit - 1) / unit * unit;
  void* memory = std::aligned_alloc(unit, size);
  if (memory == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (huge) madvise(memory, size, MADV_HUGEPAGE);
#endif
  return static_cast<std::byte*>(memory);
}

// From this many tokens on, widening the weights once costs less than the dense product gains.
constexpr std::size_t kManyTokens = 1024;

// y = x W^T (+ y) by the dense kernel, of weights widened a few megabytes at a time.
void multiply_widened(const kernels::PackedFormat& format, const std::byte* packed,
                      ConstMatrixView x, MatrixView y, std::span<const float> bias,
                      bool accumulate) {
  constexpr std::size_t kBytes = std::size_t{4} << 20, kStrip = 32;
  const std::size_t fit = std::max(kBytes / sizeof(float) / format.cols / kStrip, std::size_t{1});
  const std::size_t chunk = std::min(fit * kStrip, format.rows);
  auto* widened = static_cast<float*>(
      kernels::scratch(kernels::Scratch::extra, chunk * format.cols * sizeof(float)));
  for (std::size_t first = 0; first < format.rows; first += chunk) {
    const std::size_t rows = std::min(chunk, format.rows - first);
    kernels::dequantize_packed(format, packed, first, rows, widened, format.cols);
    kernels::linear_f32(x.rows, rows, format.cols, x.data, x.stride, widened, format.cols,
                        accumulate, y.data + first, y.stride);
  }
  if (bias.empty()) return;
  for (std::size_t r = 0; r < y.rows; ++r)
    kernels::add_bias_f32(1, y.cols, bias.data(), y.row(r).data());
}

struct Free {
  void operator()(std::byte* memory) const noexcept { std::free(memory); }
};

// Codes with the columns of W in this order.
std::vector<std::uint8_t> reordered(const QuantizedMatrix& matrix,
                                    const std::vector<std::uint32_t>& order) {
  std::vector<std::uint8_t> codes(matrix.codes.size());
  kernels::parallel_for(matrix.rows, 16, [&](std::size_t r) {
    const std::uint8_t* from = matrix.codes.data() + r * matrix.cols;
    for (std::size_t c = 0; c < matrix.cols; ++c) codes[r * matrix.cols + c] = from[order[c]];
  });
  return codes;
}

}  // namespace

struct PackedMatrix::Packed {
  kernels::PackedFormat format;
  std::unique_ptr<std::byte[], Free> bytes;
  std::vector<std::uint32_t> order;  // column of W behind each packed column; empty: the same
};

std::string_view to_string(Activations activations) noexcept {
  switch (activations) {
    case Activations::exact:
      return "exact";
    case Activations::int8:
      return "int8";
    case Activations::bf16:
      return "bf16";
  }
  return "";
}

Activations activations_from(std::string_view name) {
  for (const Activations activations : {Activations::exact, Activations::int8, Activations::bf16})
    if (to_string(activations) == name) return activations;
  fail<InvalidArgument>("unknown activations '{}'; there are exact, int8 and bf16", name);
}

bool PackedMatrix::can_hold(const QuantizedMatrix& matrix) {
  if (!kernels::can_pack(format_of(matrix))) return false;
  std::vector<std::size_t> columns(matrix.groups());
  for (const std::uint32_t group : matrix.group_of) ++columns[group];
  return matrix.group_of.empty() ||
         std::all_of(columns.begin(), columns.end(), [&](std::size_t count) {
           return count == matrix.scheme.columns_per_group(matrix.cols);
         });
}

PackedMatrix::PackedMatrix(const QuantizedMatrix& matrix) {
  require(can_hold(matrix), "packing a {} x {} matrix of {}: no kernel holds it", matrix.rows,
          matrix.cols, to_string(matrix.scheme));
  auto packed = std::make_unique<Packed>();
  packed->format = format_of(matrix);
  packed->order = order_of(matrix);
  packed->bytes.reset(allocate(packed->format.bytes()));
  std::vector<std::uint8_t> codes;
  if (!packed->order.empty()) codes = reordered(matrix, packed->order);
  const auto data = [](const auto& values) { return values.empty() ? nullptr : values.data(); };
  kernels::pack(packed->format,
                {codes.empty() ? matrix.codes.data() : codes.data(), matrix.scales.data(),
                 data(matrix.zeros), data(matrix.minimums)},
                packed->bytes.get());
  packed_ = std::move(packed);
}

PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;
PackedMatrix::~PackedMatrix() = default;

std::size_t PackedMatrix::rows() const noexcept { return packed_->format.rows; }
std::size_t PackedMatrix::cols() const noexcept { return packed_->format.cols; }
int PackedMatrix::stored_bits() const noexcept { return packed_->format.stored_bits(); }
std::size_t PackedMatrix::bytes() const noexcept {
  return packed_->format.bytes() + packed_->order.size() * sizeof(packed_->order[0]);
}

void PackedMatrix::multiply(ConstMatrixView x, MatrixView y, Activations activations,
                            std::span<const float> bias, bool accumulate) const {
  require(x.cols == cols() && y.cols == rows() && x.rows == y.rows &&
              (bias.empty() || bias.size() == rows()),
          "multiplying {} x {} by the transpose of {} x {} into {} x {} with {} biases", x.rows,
          x.cols, rows(), cols(), y.rows, y.cols, bias.size());
  Matrix sorted;
  if (!packed_->order.empty()) {
    sorted = Matrix(x.rows, x.cols);
    for (std::size_t r = 0; r < x.rows; ++r)
      for (std::size_t c = 0; c < x.cols; ++c) sorted(r, c) = x.row(r)[packed_->order[c]];
    x = sorted;
  }
  if (activations != Activations::int8 && x.rows >= kManyTokens) {
    multiply_widened(packed_->format, packed_->bytes.get(), x, y, bias, accumulate);
    return;
  }
  kernels::MatmulOptions options;
  options.mode = activations == Activations::int8 ? kernels::ActivationMode::automatic
                                                  : kernels::ActivationMode::exact;
  options.bias = bias.empty() ? nullptr : bias.data();
  options.accumulate = accumulate;
  kernels::packed_matmul(packed_->format, packed_->bytes.get(), x.rows, x.data, x.stride, y.data,
                         y.stride, options);
}

void PackedMatrix::copy_row(std::size_t r, std::span<float> out) const {
  require(r < rows() && out.size() == cols(), "row {} of a packed {} x {} into {} values", r,
          rows(), cols(), out.size());
  if (packed_->order.empty()) {
    kernels::dequantize_packed(packed_->format, packed_->bytes.get(), r, 1, out.data(), cols());
    return;
  }
  std::vector<float> sorted(cols());
  kernels::dequantize_packed(packed_->format, packed_->bytes.get(), r, 1, sorted.data(), cols());
  for (std::size_t c = 0; c < cols(); ++c) out[packed_->order[c]] = sorted[c];
}

}  // namespace libquant
