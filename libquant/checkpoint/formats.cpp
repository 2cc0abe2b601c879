#include "libquant/checkpoint/formats.h"

#include <array>

#include "libquant/checkpoint/bit_packing.h"
#include "libquant/checkpoint/gguf_blocks.h"
#include "libquant/core/error.h"
#include "libquant/io/ggml_blocks.h"

namespace libquant {
namespace {

constexpr std::array kFormats{Format::compressed_tensors, Format::gptq, Format::gptq_v2,
                              Format::gguf, Format::safetensors};

std::string scale_reason(const Scheme& scheme, ScaleType needed, std::string_view format) {
  if (scheme.scale_type == needed) return {};
  return fmt::format("{} stores {} scales, not {}", format, to_string(needed),
                     to_string(scheme.scale_type));
}

// Two halves and 16 bytes of codes (Q4_1), one and 16 (Q4_0), one and 32 (Q8_0).
std::size_t gguf_block_bytes(const Scheme& scheme) {
  const std::size_t floats = scheme.zero == ZeroKind::minimum ? 4 : 2;
  return floats + kGgmlBlock * static_cast<std::size_t>(scheme.bits) / 8;
}

std::string gptq_reason(Format format, const Scheme& scheme, std::size_t rows, std::size_t cols) {
  const std::string_view name = to_string(format);
  const auto bits = static_cast<std::size_t>(scheme.bits);
  if (bits == 5 || bits == 6) return fmt::format("{} has 2, 3, 4 and 8 bits, not {}", name, bits);
  if (scheme.zero == ZeroKind::minimum)
    return fmt::format("{} has integer zeros, no float minimums", name);
  if (format == Format::gptq && scheme.zero == ZeroKind::asymmetric && scheme.zero_min < 1)
    return "gptq stores zero - 1: zeros must be kept at 1 or above";
  if (cols * bits % 32 != 0 || rows * bits % 32 != 0)
    return fmt::format("{} packs whole 32-bit words: {} x {} codes of {} bits do not fill them",
                       name, rows, cols, bits);
  return scale_reason(scheme, ScaleType::f16, name);
}

std::string gguf_reason(const Scheme& scheme, std::size_t cols) {
  if (scheme.zero == ZeroKind::asymmetric)
    return "gguf stores a float minimum: -zero x scale is in general no f16 number";
  if (scheme.zero == ZeroKind::minimum && scheme.bits != 4)
    return fmt::format("gguf has float minimums with 4 bits (Q4_1), not {}", scheme.bits);
  if (scheme.bits != 4 && scheme.bits != 8)
    return fmt::format("gguf has symmetric grids of 4 bits (Q4_0) and 8 bits (Q8_0), not {}",
                       scheme.bits);
  const std::size_t group = scheme.columns_per_group(cols);
  if (group % kGgmlBlock != 0)
    return fmt::format("gguf has blocks of {} columns, a group has {}", kGgmlBlock, group);
  return scale_reason(scheme, ScaleType::f16, "gguf");
}

std::string reason(Format format, const Scheme& scheme, std::size_t rows, std::size_t cols) {
  if (scheme.columns_per_group(cols) == 0 || cols % scheme.columns_per_group(cols) != 0)
    return fmt::format("groups of {} do not divide {} columns", scheme.group_size, cols);
  switch (format) {
    case Format::compressed_tensors:
      return scheme.zero == ZeroKind::minimum
                 ? "compressed-tensors has integer zeros, no float minimums"
                 : "";
    case Format::gptq:
    case Format::gptq_v2:
      return gptq_reason(format, scheme, rows, cols);
    case Format::gguf:
      return gguf_reason(scheme, cols);
    case Format::safetensors:
      return "safetensors folders store values, no codes";
  }
  return {};
}

}  // namespace

std::string_view to_string(Format format) noexcept {
  switch (format) {
    case Format::compressed_tensors:
      return "compressed-tensors";
    case Format::gptq:
      return "gptq";
    case Format::gptq_v2:
      return "gptq_v2";
    case Format::gguf:
      return "gguf";
    case Format::safetensors:
      return "safetensors";
  }
  return "";
}

Format format_from(std::string_view name) {
  std::string known;
  for (const Format format : kFormats) {
    if (to_string(format) == name) return format;
    known += (known.empty() ? "" : ", ") + std::string(to_string(format));
  }
  fail<InvalidArgument>("format {} is not one of {}", name, known);
}

std::span<const Format> formats() noexcept { return kFormats; }

std::string why_not(Format format, const Scheme& scheme, std::size_t rows, std::size_t cols) {
  std::string why = reason(format, scheme, rows, cols);
  if (why.empty()) return why;
  std::string others;
  for (const Format other : kFormats)
    if (other != format && reason(other, adapt(other, scheme), rows, cols).empty())
      others += (others.empty() ? "" : ", ") + std::string(to_string(other));
  return fmt::format("{} ({})", why, others.empty() ? "no format holds it" : "held by " + others);
}

std::uint64_t packed_bytes(Format format, const Scheme& scheme, std::size_t rows,
                           std::size_t cols) {
  const std::size_t groups = scheme.groups(cols);
  if (format == Format::gguf) return rows * (cols / kGgmlBlock) * gguf_block_bytes(scheme);
  const std::size_t zeros = groups * packed_words(rows, scheme.bits) * sizeof(std::uint32_t);
  const std::size_t scales = rows * groups * (scheme.scale_type == ScaleType::f32 ? 4 : 2);
  if (format == Format::gptq || format == Format::gptq_v2) {
    constexpr std::size_t kIndex = sizeof(std::int32_t);
    return rows * packed_words(cols, scheme.bits) * sizeof(std::uint32_t) + zeros + scales +
           cols * kIndex;
  }
  constexpr std::size_t kShape = 2 * sizeof(std::int64_t);
  return rows * packed_words(cols, scheme.bits) * sizeof(std::uint32_t) + scales + kShape +
         (scheme.zero == ZeroKind::asymmetric ? zeros : 0);
}

Scheme adapt(Format format, Scheme scheme, DType dense_type) {
  switch (format) {
    case Format::compressed_tensors:
      scheme.scale_type = dense_type == DType::bf16  ? ScaleType::bf16
                          : dense_type == DType::f32 ? ScaleType::f32
                                                     : ScaleType::f16;
      break;
    case Format::gptq:
      if (scheme.zero == ZeroKind::asymmetric) scheme.zero_min = 1;
      scheme.scale_type = ScaleType::f16;
      break;
    case Format::gptq_v2:
    case Format::gguf:
      scheme.scale_type = ScaleType::f16;
      break;
    case Format::safetensors:
      break;
  }
  return scheme;
}

}  // namespace libquant
