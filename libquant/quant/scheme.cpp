#include "libquant/quant/scheme.h"

#include <bit>
#include <cstdint>

#include "libquant/core/error.h"

namespace libquant {
namespace {

bool bits_supported(int bits) noexcept { return (bits >= 2 && bits <= 6) || bits == 8; }

bool group_supported(std::size_t group) noexcept {
  return group == 0 || group == 32 || group == 64 || group == 128;
}

/// f16_to_f32(f32_to_f16(value)) without branches, so that loops of it vectorise.
float nearest_f16(float value) noexcept {
  constexpr std::uint32_t kInfinity = 0x7f800000u, kQuietNan = 0x7fc00000u;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits & 0x80000000u, magnitude = bits & 0x7fffffffu;
  // Ten bits of the mantissa stay, or what is a multiple of 2^-24: the step of floats in [0.5, 1).
  std::uint32_t rounded = (magnitude + 0xfffu + ((magnitude >> 13) & 1u)) & ~0x1fffu;
  const float small = (std::bit_cast<float>(magnitude) + 0.5f) - 0.5f;
  rounded = magnitude < 0x38800000u ? std::bit_cast<std::uint32_t>(small) : rounded;
  rounded = rounded >= 0x47800000u ? kInfinity : rounded;
  rounded = magnitude > kInfinity ? kQuietNan : rounded;
  return std::bit_cast<float>(sign | rounded);
}

/// bf16_to_f32(f32_to_bf16(value)) in the same way.
float nearest_bf16(float value) noexcept {
  constexpr std::uint32_t kKept = 0xffff0000u;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) & kKept;
  const std::uint32_t quiet = (bits | 0x400000u) & kKept;
  return std::bit_cast<float>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
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
  round_to(type, std::span(&value, 1));
  return value;
}

void round_to(ScaleType type, std::span<float> values) noexcept {
  if (type == ScaleType::f16)
    for (float& value : values) value = nearest_f16(value);
  if (type == ScaleType::bf16)
    for (float& value : values) value = nearest_bf16(value);
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
  const int steps = scheme.max_code() / 2;
  return scheme.zero == ZeroKind::minimum ? scale : scale * steps;
}

}  // namespace libquant
