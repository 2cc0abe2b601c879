#include "libquant/io/ggml_types.h"

#include <algorithm>
#include <array>
#include <utility>

namespace libquant {
namespace {

constexpr std::array<std::pair<std::uint32_t, DType>, 16> kTypes{{
    {0, DType::f32},
    {1, DType::f16},
    {2, DType::q4_0},
    {3, DType::q4_1},
    {6, DType::q5_0},
    {7, DType::q5_1},
    {8, DType::q8_0},
    {12, DType::q4_k},
    {13, DType::q5_k},
    {14, DType::q6_k},
    {24, DType::i8},
    {25, DType::i16},
    {26, DType::i32},
    {27, DType::i64},
    {28, DType::f64},
    {30, DType::bf16},
}};

constexpr std::array<std::pair<std::uint32_t, std::string_view>, 26> kUnsupported{{
    {4, "Q4_2"},        {5, "Q4_3"},        {9, "Q8_1"},        {10, "Q2_K"},    {11, "Q3_K"},
    {15, "Q8_K"},       {16, "IQ2_XXS"},    {17, "IQ2_XS"},     {18, "IQ3_XXS"}, {19, "IQ1_S"},
    {20, "IQ4_NL"},     {21, "IQ3_S"},      {22, "IQ2_S"},      {23, "IQ4_XS"},  {29, "IQ1_M"},
    {31, "Q4_0_4_4"},   {32, "Q4_0_4_8"},   {33, "Q4_0_8_8"},   {34, "TQ1_0"},   {35, "TQ2_0"},
    {36, "IQ4_NL_4_4"}, {37, "IQ4_NL_4_8"}, {38, "IQ4_NL_8_8"}, {39, "MXFP4"},   {40, "NVFP4"},
    {41, "Q1_0"},
}};

}  // namespace

std::optional<DType> dtype_of_ggml(std::uint32_t type) noexcept {
  for (const auto& [number, dtype] : kTypes)
    if (number == type) return dtype;
  return std::nullopt;
}

std::optional<std::uint32_t> ggml_of_dtype(DType type) noexcept {
  for (const auto& [number, dtype] : kTypes)
    if (dtype == type) return number;
  return std::nullopt;
}

std::string_view unsupported_ggml_name(std::uint32_t type) noexcept {
  for (const auto& [number, name] : kUnsupported)
    if (number == type) return name;
  return {};
}

}  // namespace libquant
