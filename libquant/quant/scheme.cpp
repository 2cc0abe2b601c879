#include "libquant/quant/scheme.h"

#include "libquant/core/error.h"
#include "libquant/core/half.h"

namespace libquant {
namespace {

bool bits_supported(int bits) noexcept { return (bits >= 2 && bits <= 6) || bits == 8; }

bool group_supported(std::size_t group) noexcept {
  return group == 0 || group == 32 || group == 64 || group == 128;
}

}  // namespace

std::string_view to_string(ZeroKind kind) noexcept {
  switch (kind) {
    case ZeroKind::symmetric:
      return "symmetric";
    case ZeroKind::asymmetric:
      return "asymmetric";
    case ZeroKind::minimum:
      return "minimum";
  }
  return "unknown";
}

std::string_view to_string(ScaleType type) noexcept {
  switch (type) {
    case ScaleType::f32:
      return "f32";
    case ScaleType::f16:
      return "f16";
    case ScaleType::bf16:
      return "bf16";
  }
  return "unknown";
}

ZeroKind zero_kind_from(std::string_view name) {
  for (const auto kind : {ZeroKind::symmetric, ZeroKind::asymmetric, ZeroKind::minimum})
    if (name == to_string(kind)) return kind;
  fail<InvalidArgument>("zero kind '{}': expected symmetric, asymmetric or minimum", name);
}

ScaleType scale_type_from(std::string_view name) {
  for (const auto type : {ScaleType::f32, ScaleType::f16, ScaleType::bf16})
    if (name == to_string(type)) return type;
  fail<InvalidArgument>("scale type '{}': expected f32, f16 or bf16", name);
}

std::string to_string(const Scheme& scheme) {
  const std::string group = scheme.group_size == 0 ? "row" : fmt::format("g{}", scheme.group_size);
  return fmt::format("w{}{} {} {}", scheme.bits, group, to_string(scheme.zero),
                     to_string(scheme.scale_type));
}

void check_scheme(const Scheme& scheme, std::size_t cols, std::string_view tensor) {
  require(bits_supported(scheme.bits), "{}: {} bits per weight; supported are 2, 3, 4, 5, 6 and 8",
          tensor, scheme.bits);
  require(group_supported(scheme.group_size),
          "{}: group size {}; supported are 32, 64, 128 and 0 (the whole row)", tensor,
          scheme.group_size);
  require(scheme.zero_min >= 0 && scheme.zero_min < scheme.max_code(),
          "{}: the least zero point {} is not in [0, {}]", tensor, scheme.zero_min,
          scheme.max_code() - 1);
  require(cols > 0, "{}: a matrix without columns cannot be quantized", tensor);
  require(scheme.group_size == 0 || cols % scheme.group_size == 0,
          "{}: group size {} does not divide {} columns; choose a group that does", tensor,
          scheme.group_size, cols);
}

float round_to(ScaleType type, float value) noexcept {
  switch (type) {
    case ScaleType::f32:
      return value;
    case ScaleType::f16:
      return f16_to_f32(f32_to_f16(value));
    case ScaleType::bf16:
      return bf16_to_f32(f32_to_bf16(value));
  }
  return value;
}

float largest_finite(ScaleType type) noexcept {
  switch (type) {
    case ScaleType::f32:
      return 0x1.fffffep127f;
    case ScaleType::f16:
      return 65504.0f;
    case ScaleType::bf16:
      return 0x1.fep127f;
  }
  return 0;
}

float smallest_positive(ScaleType type) noexcept {
  switch (type) {
    case ScaleType::f32:
      return 0x1p-149f;
    case ScaleType::f16:
      return 0x1p-24f;
    case ScaleType::bf16:
      return 0x1p-133f;
  }
  return 0;
}

double largest_weight(const Scheme& scheme) noexcept {
  const double scale = largest_finite(scheme.scale_type);
  return scheme.zero == ZeroKind::minimum ? scale : scale * (scheme.max_code() / 2);
}

}  // namespace libquant
