#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "libquant/checkpoint/bit_packing.h"
#include "libquant/checkpoint/compressed_tensors_config.h"
#include "libquant/checkpoint/packed_folder.h"
#include "libquant/checkpoint/packed_parts.h"
#include "libquant/core/error.h"
#include "libquant/core/matrix.h"
#include "libquant/io/bytes.h"

namespace libquant {
namespace {

class CompressedTensorsReader final : public CodesReader {
 public:
  CompressedTensorsReader(const TensorSpec& spec, Scheme scheme, PackedParts parts);
  std::vector<StoredPart> parts() const override { return parts_; }

 protected:
  const Scheme& scheme() const override { return scheme_; }
  QuantizedMatrix read_rows(std::size_t row_begin, std::size_t count) const override;

 private:
  void check_shape(PackedParts& parts) const;

  Scheme scheme_;
  const StoredTensor* packed_ = nullptr;
  const StoredTensor* scales_ = nullptr;
  const StoredTensor* zeros_ = nullptr;  ///< null when symmetric
  std::vector<std::uint32_t> group_of_;
  std::vector<StoredPart> parts_;
};

// Before compressed-tensors 0.16 every word held 32 / bits whole codes.
void refuse_padded_words(const StoredTensor& packed, std::size_t cols, int bits) {
  const std::size_t per_word = 32 / static_cast<std::size_t>(bits);
  const std::size_t old_words = (cols + per_word - 1) / per_word;
  require<NotSupported>(
      packed.cols() != old_words || old_words == packed_words(cols, bits),
      "reading {}: {} bits in the padded words of compressed-tensors before May 2026; write the "
      "folder again with a newer version",
      packed.name, bits);
}

CompressedTensorsReader::CompressedTensorsReader(const TensorSpec& spec, Scheme scheme,
                                                 PackedParts parts)
    : CodesReader(spec), scheme_(scheme) {
  const std::string where = parts.name("weight_packed");
  check_packed_scheme(scheme_, spec.cols, where);
  const std::size_t groups = scheme_.groups(spec.cols);
  packed_ = parts.find("weight_packed");
  if (packed_ != nullptr) refuse_padded_words(*packed_, spec.cols, scheme_.bits);
  packed_ = &parts.take("weight_packed", {DType::i32},
                        {spec.rows, packed_words(spec.cols, scheme_.bits)});
  scales_ = &parts.take_scales("weight_scale", {spec.rows, groups});
  scheme_.scale_type = scale_type_of(scales_->dtype);
  if (scheme_.zero == ZeroKind::asymmetric)
    zeros_ = &parts.take("weight_zero_point", {DType::i32},
                         {packed_words(spec.rows, scheme_.bits), groups});
  check_shape(parts);
  group_of_ = parts.take_group_index("weight_g_idx", spec.cols, scheme_);
  parts_ = parts.parts();
}

void CompressedTensorsReader::check_shape(PackedParts& parts) const {
  const StoredTensor& shape = parts.take("weight_shape", {DType::i64, DType::i32}, {2});
  const auto at = [&](std::size_t i) {
    return shape.dtype == DType::i64
               ? load<std::int64_t>(shape.bytes.data() + i * sizeof(std::int64_t))
               : std::int64_t{load<std::int32_t>(shape.bytes.data() + i * sizeof(std::int32_t))};
  };
  require<FormatError>(at(0) == static_cast<std::int64_t>(spec().rows) &&
                           at(1) == static_cast<std::int64_t>(spec().cols),
                       "{} says {} x {}, config.json asks for {} x {}", parts.name("weight_shape"),
                       at(0), at(1), spec().rows, spec().cols);
}

QuantizedMatrix CompressedTensorsReader::read_rows(std::size_t row_begin, std::size_t count) const {
  const std::size_t cols = spec().cols, groups = scheme_.groups(cols);
  QuantizedMatrix matrix = make_quantized(scheme_, count, cols);
  const std::size_t row_words = packed_->cols();
  for (std::size_t r = 0; r < count; ++r)
    unpack_row(packed_->bytes.data() + (row_begin + r) * row_words * sizeof(std::uint32_t),
               scheme_.bits, std::span(matrix.codes).subspan(r * cols, cols));
  decode_rows(*scales_, row_begin, {matrix.scales.data(), count, groups, groups});
  for (std::size_t i = 0; i < matrix.zeros.size(); ++i)
    matrix.zeros[i] = packed_code(zeros_->bytes.data() + i % groups * sizeof(std::uint32_t), groups,
                                  row_begin + i / groups, scheme_.bits);
  matrix.group_of = group_of_;
  return matrix;
}

class CompressedTensorsFormat final : public PackedFormat {
 public:
  CompressedTensorsFormat(const Json& config, std::string_view source) : config_(config, source) {}
  std::string name() const override { return "compressed-tensors"; }

  std::unique_ptr<TensorReader> reader(const SafetensorsFolder& folder, const TensorSpec& spec,
                                       UsedNames& used) const override {
    if (spec.kind == TensorSpec::Kind::embedding) return nullptr;
    const std::string module(module_of(spec.name));
    PackedParts parts(folder, module, used);
    const std::optional<Scheme> scheme = config_.scheme_of(module);
    if (!scheme.has_value()) {
      require<FormatError>(!parts.has("weight_packed"),
                           "{}: {} is packed, but quantization_config does not target it",
                           folder.path().string(), module);
      return nullptr;
    }
    return std::make_unique<CompressedTensorsReader>(spec, *scheme, std::move(parts));
  }

 private:
  CompressedTensorsConfig config_;
};

}  // namespace

std::unique_ptr<PackedFormat> make_compressed_tensors(const Json& config, std::string_view source) {
  return std::make_unique<CompressedTensorsFormat>(config, source);
}

}  // namespace libquant
