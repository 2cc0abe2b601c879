#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "libquant/checkpoint/bit_packing.h"
#include "libquant/checkpoint/gptq_config.h"
#include "libquant/checkpoint/packed_folder.h"
#include "libquant/checkpoint/packed_parts.h"
#include "libquant/core/error.h"
#include "libquant/core/matrix.h"

namespace libquant {
namespace {

class GptqReader final : public CodesReader {
 public:
  GptqReader(const TensorSpec& spec, Scheme scheme, int version, PackedParts parts);
  std::vector<StoredPart> parts() const override { return parts_; }

 protected:
  const Scheme& scheme() const override { return scheme_; }
  QuantizedMatrix read_rows(std::size_t row_begin, std::size_t count) const override;

 private:
  std::uint8_t zero_at(std::size_t group, std::size_t row) const noexcept;
  void read_zeros(std::size_t row_begin, QuantizedMatrix& matrix) const;
  void read_scales(std::size_t row_begin, QuantizedMatrix& matrix) const;

  Scheme scheme_;
  int version_;
  const StoredTensor* weights_ = nullptr;
  const StoredTensor* zeros_ = nullptr;
  const StoredTensor* scales_ = nullptr;
  std::vector<std::uint32_t> group_of_;
  std::vector<StoredPart> parts_;
};

GptqReader::GptqReader(const TensorSpec& spec, Scheme scheme, int version, PackedParts parts)
    : CodesReader(spec), scheme_(scheme), version_(version) {
  check_packed_scheme(scheme_, spec.cols, parts.name("qweight"));
  const std::size_t groups = scheme_.groups(spec.cols);
  weights_ =
      &parts.take("qweight", {DType::i32}, {packed_words(spec.cols, scheme_.bits), spec.rows});
  zeros_ = &parts.take("qzeros", {DType::i32}, {groups, packed_words(spec.rows, scheme_.bits)});
  scales_ = &parts.take_scales("scales", {groups, spec.rows});
  scheme_.scale_type = scale_type_of(scales_->dtype);
  group_of_ = parts.take_group_index("g_idx", spec.cols, scheme_);
  parts_ = parts.parts();
}

// Version 1 stores zero - 1. GPTQModel subtracts word by word, so that a zero of 0 borrows from its
// neighbour: adding word by word undoes exactly that. Codes of 3 bits cross words and are taken one
// by one, as there.
std::uint8_t GptqReader::zero_at(std::size_t group, std::size_t row) const noexcept {
  const std::byte* words = zeros_->bytes.data() + group * zeros_->cols() * sizeof(std::uint32_t);
  if (version_ == 2) return packed_code(words, 1, row, scheme_.bits);
  if (scheme_.bits == 3)
    return static_cast<std::uint8_t>((packed_code(words, 1, row, 3) + 1) & scheme_.max_code());
  const auto ones = 0xffffffffu / static_cast<std::uint32_t>(scheme_.max_code());
  return packed_code(words, 1, row, scheme_.bits, ones);
}

void GptqReader::read_zeros(std::size_t row_begin, QuantizedMatrix& matrix) const {
  const std::size_t groups = matrix.groups();
  const bool symmetric = scheme_.zero == ZeroKind::symmetric;
  std::uint8_t lowest = 255;
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t r = 0; r < matrix.rows; ++r) {
      const std::uint8_t zero = zero_at(g, row_begin + r);
      require<FormatError>(!symmetric || zero == scheme_.symmetric_zero(),
                           "{}: zero point {} of row {}, group {} although the config says "
                           "symmetric ({})",
                           zeros_->name, zero, row_begin + r, g, scheme_.symmetric_zero());
      if (!symmetric) matrix.zeros[r * groups + g] = zero;
      lowest = std::min(lowest, zero);
    }
  }
  if (version_ == 1 && !symmetric && lowest > 0) matrix.scheme.zero_min = 1;
}

void GptqReader::read_scales(std::size_t row_begin, QuantizedMatrix& matrix) const {
  Matrix row(1, spec().rows);
  for (std::size_t g = 0; g < matrix.groups(); ++g) {
    decode_rows(*scales_, g, row);
    for (std::size_t r = 0; r < matrix.rows; ++r)
      matrix.scales[r * matrix.groups() + g] = row(0, row_begin + r);
  }
}

QuantizedMatrix GptqReader::read_rows(std::size_t row_begin, std::size_t count) const {
  QuantizedMatrix matrix = make_quantized(scheme_, count, spec().cols);
  unpack_columns(weights_->bytes.data(), spec().rows, row_begin, count, scheme_.bits, matrix.codes);
  read_zeros(row_begin, matrix);
  read_scales(row_begin, matrix);
  matrix.group_of = group_of_;
  return matrix;
}

class GptqFormat final : public PackedFormat {
 public:
  GptqFormat(const Json& config, std::string_view source) : config_(config, source) {}
  std::string name() const override { return config_.version() == 1 ? "gptq" : "gptq_v2"; }

  std::unique_ptr<TensorReader> reader(const SafetensorsFolder& folder, const TensorSpec& spec,
                                       UsedNames& used) const override {
    if (spec.kind == TensorSpec::Kind::embedding) return nullptr;
    const std::string module(module_of(spec.name));
    PackedParts parts(folder, module, used);
    const std::optional<Scheme> scheme = config_.scheme_of(module);
    // GPTQ configs of AutoGPTQ do not say which layers were left out: the folder does.
    if (!parts.has("qweight")) return nullptr;
    require<FormatError>(scheme.has_value(),
                         "{}: {} is packed, but quantization_config excludes it",
                         folder.path().string(), module);
    return std::make_unique<GptqReader>(spec, *scheme, config_.version(), std::move(parts));
  }

 private:
  GptqConfig config_;
};

}  // namespace

std::unique_ptr<PackedFormat> make_gptq(const Json& config, std::string_view source) {
  return std::make_unique<GptqFormat>(config, source);
}

}  // namespace libquant
