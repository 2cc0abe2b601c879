#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace libquant {

/// How codes map to values within a group.
enum class ZeroKind : std::uint8_t {
  symmetric,   ///< w = scale * (code - 2^(bits-1)), full range: the negative end is used
  asymmetric,  ///< w = scale * (code - zero), zero an integer in [0, 2^bits - 1]
  minimum,     ///< w = scale * code + minimum, minimum a float: the grid of Q4_1
};

/// Type in which scales (and minimums) are stored; values in memory are always already rounded to
/// it.
enum class ScaleType : std::uint8_t { f32, f16, bf16 };

/// What a quantized matrix looks like. Groups run along the inputs (columns) of W[outputs x
/// inputs].
struct Scheme {
  int bits = 4;                 ///< 2, 3, 4, 5, 6 or 8
  std::size_t group_size = 64;  ///< 32, 64, 128, or 0 = the whole row
  ZeroKind zero = ZeroKind::symmetric;
  ScaleType scale_type = ScaleType::f16;
  int zero_min = 0;  ///< 1 where the format stores zero - 1 (GPTQ v1)

  int max_code() const noexcept { return (1 << bits) - 1; }
  int symmetric_zero() const noexcept { return 1 << (bits - 1); }
  std::size_t groups(std::size_t cols) const noexcept {
    return group_size == 0 ? 1 : cols / group_size;
  }
  std::size_t columns_per_group(std::size_t cols) const noexcept {
    return group_size == 0 ? cols : group_size;
  }
  friend bool operator==(const Scheme&, const Scheme&) = default;
};

std::string_view to_string(ZeroKind kind) noexcept;
std::string_view to_string(ScaleType type) noexcept;
ZeroKind zero_kind_from(std::string_view name);
ScaleType scale_type_from(std::string_view name);
/// "w4g64 symmetric f16", for reports.
std::string to_string(const Scheme& scheme);
/// Throws InvalidArgument unless bits and group are supported and the group divides `cols`.
void check_scheme(const Scheme& scheme, std::size_t cols, std::string_view tensor);

/// `value` rounded to the type and back. Used wherever a scale or minimum is chosen.
float round_to(ScaleType type, float value) noexcept;
/// The same for each of them, in place and several at a time.
void round_to(ScaleType type, std::span<float> values) noexcept;
/// Ends of a type's positive range, subnormals included.
float largest_finite(ScaleType type) noexcept;
float smallest_positive(ScaleType type) noexcept;
/// Largest |weight| that the scheme can hold whatever the rest of its group is: beyond it a scale
/// or minimum would overflow its stored type.
double largest_weight(const Scheme& scheme) noexcept;

}  // namespace libquant
