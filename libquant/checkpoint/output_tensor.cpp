#include "libquant/checkpoint/output_tensor.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/half.h"
#include "libquant/io/ggml_blocks.h"

namespace libquant {
namespace {

constexpr std::size_t kChunkValues = std::size_t{1} << 20;

// Whole heads, so that permuted rows lie in the same chunk.
std::size_t chunk_rows(std::size_t cols, std::size_t head_dim) {
  const std::size_t rows = std::max<std::size_t>(1, kChunkValues / cols);
  return head_dim == 0 ? rows : std::max<std::size_t>(1, rows / head_dim) * head_dim;
}

void store_16(std::span<const float> values, std::span<std::byte> stored, DType type,
              std::string_view tensor) {
  const bool half = type == DType::f16;
  const std::uint16_t infinity = half ? 0x7c00u : 0x7f80u;
  std::vector<std::uint16_t> bits(values.size());
  half ? f32s_to_f16(values, bits.data()) : f32s_to_bf16(values, bits.data());
  const auto bad = std::ranges::find_if(
      bits, [&](std::uint16_t value) { return (value & infinity) == infinity; });
  if (bad != bits.end())
    fail<Error>("writing {}: {} does not fit {}", tensor,
                values[static_cast<std::size_t>(bad - bits.begin())], to_string(type));
  std::memcpy(stored.data(), bits.data(), stored.size());
}

}  // namespace

std::size_t row_bytes(DType type, std::size_t cols) noexcept {
  return cols / traits(type).block_elements * traits(type).block_bytes;
}

std::size_t OutputEntry::bytes() const noexcept {
  std::size_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows * row_bytes(dtype, shape.empty() ? 1 : shape.back());
}

void store_row(std::span<const float> values, DType type, std::span<std::byte> stored,
               std::string_view tensor) {
  switch (type) {
    case DType::f32:
      std::memcpy(stored.data(), values.data(), values.size_bytes());
      break;
    case DType::f16:
    case DType::bf16:
      store_16(values, stored, type, tensor);
      break;
    case DType::q8_0:
      quantize_q8_0(values, stored);
      break;
    default:
      fail("writing {}: {} is no type for dense tensors", tensor, to_string(type));
  }
}

DenseOutput::DenseOutput(const Checkpoint& source, const TensorSpec& spec, std::string name,
                         DType type, std::size_t permuted_head_dim)
    : source_(source),
      spec_(spec),
      name_(std::move(name)),
      type_(type),
      head_dim_(permuted_head_dim) {
  require(spec.cols % traits(type).block_elements == 0,
          "writing {}: {} needs columns in multiples of {}, there are {}", spec.name,
          to_string(type), traits(type).block_elements, spec.cols);
}

std::vector<OutputEntry> DenseOutput::entries() const { return {{name_, type_, spec_.shape()}}; }

void DenseOutput::write(std::size_t, const ByteSink& sink) const {
  const std::size_t step = chunk_rows(spec_.cols, head_dim_);
  const std::size_t stride = row_bytes(type_, spec_.cols);
  Matrix values(std::min(step, spec_.rows), spec_.cols);
  std::vector<std::byte> stored(values.rows() * stride);
  std::vector<float> permuted(spec_.is_vector() && head_dim_ != 0 ? spec_.cols : 0);
  for (std::size_t begin = 0; begin < spec_.rows; begin += step) {
    const std::size_t count = std::min(step, spec_.rows - begin);
    source_.load_rows(spec_.name, begin, values.view().row_range(0, count));
    for (std::size_t r = 0; r < count; ++r) {
      std::span<const float> row = values.row(spec_.is_vector() ? r : hf_row(r, head_dim_));
      if (!permuted.empty()) {
        for (std::size_t i = 0; i < permuted.size(); ++i) permuted[i] = row[hf_row(i, head_dim_)];
        row = permuted;
      }
      store_row(row, type_, std::span(stored).subspan(r * stride, stride), spec_.name);
    }
    sink(std::span(stored).first(count * stride));
  }
  source_.release(spec_.name);
}

const QuantizedMatrix& CodesCache::get(const std::string& name) {
  if (name != name_ || !codes_.has_value()) {
    codes_.reset();
    codes_ = source_.quantized(name);
    require<Error>(codes_.has_value(), "writing {}: the source has no codes any more", name);
    name_ = name;
    source_.release(name);
  }
  return *codes_;
}

}  // namespace libquant
