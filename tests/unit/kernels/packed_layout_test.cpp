#include "kernels/layouts.h"
#include "tests/support/catch.h"
#include "tests/unit/kernels/packed_case.h"

namespace kernels = libquant::kernels;
using namespace libquant::tests;
using kernels::PackedScale;
using kernels::PackedZero;

namespace {

// Code of column 4 * step + j of block `block`, read from the bytes as kernels/layouts.h says.
int documented_code(const kernels::PackedFormat& f, const unsigned char* panel, std::size_t lane,
                    std::size_t block, std::size_t step, std::size_t j) {
  const unsigned char* base = panel + f.codes_offset() + block * f.block_bytes() + 4 * lane + j;
  const auto field = [&](std::size_t line, std::size_t shift, int bits) {
    return base[line * 64] >> shift & ((1 << bits) - 1);
  };
  switch (f.stored_bits()) {
    case 8:
      return field(step, 0, 8);
    case 4:
      return field(step / 2, step % 2 * 4, 4);
    case 2:
      return field(step / 4, step % 4 * 2, 2);
    default:
      break;
  }
  if (step < 6) return field(step / 2, step % 2 * 3, 3);
  return field(step - 6, 6, 2) + 4 * field(2, step, 1);
}

}  // namespace

TEST_CASE("packed bytes are what the layout documents", "[packed]") {
  Rng rng(1);
  for (const kernels::PackedFormat& f : formats_under_test(rng, 300)) {
    CAPTURE(name_of(f));
    const auto w = random_matrix(rng, f);
    const auto bytes = packed_bytes(w);
    std::size_t wrong = 0;
    for (std::size_t row = 0; row < f.panels() * 16; ++row) {
      const unsigned char* panel = bytes.data() + row / 16 * f.panel_bytes();
      for (std::size_t col = 0; col < f.padded_cols(); ++col) {
        const bool exists = row < f.rows && col < f.cols;
        const int want = exists ? w.codes[row * f.cols + col] : 0;
        const std::size_t step = col % 32 / 4;
        if (documented_code(f, panel, row % 16, col / 32, step, col % 4) != want) ++wrong;
      }
      for (std::size_t g = 0; g < f.groups(); ++g) {
        const std::size_t i = g * 16 + row % 16;
        const bool exists = row < f.rows;
        const int zero = exists && f.zero == PackedZero::integer ? w.zeros[w.at(row, g)] : 0;
        if (f.zero == PackedZero::integer && panel[f.zeros_offset() + i] != zero) ++wrong;
        if (f.scale != PackedScale::f16) continue;
        std::uint16_t half;
        std::memcpy(&half, panel + 2 * i, 2);
        if (kernels::float_of_f16(half) != (exists ? w.scales[w.at(row, g)] : 0.0f)) ++wrong;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("unpacking gives back what was packed", "[packed]") {
  Rng rng(2);
  for (const kernels::PackedFormat& f : formats_under_test(rng, 300)) {
    CAPTURE(name_of(f));
    const auto w = random_matrix(rng, f);
    const auto bytes = packed_bytes(w);
    GuardedBuffer<std::uint8_t> codes(w.codes.size()), zeros(w.zeros.size());
    GuardedBuffer<float> scales(w.scales.size()), minimums(w.minimums.size());
    kernels::unpack(f, bytes.data(), codes.data(), scales.data(), zeros.data(), minimums.data());
    CHECK(std::equal(codes.begin(), codes.end(), w.codes.begin()));
    CHECK(std::equal(zeros.begin(), zeros.end(), w.zeros.begin()));
    CHECK(std::equal(scales.begin(), scales.end(), w.scales.begin()));
    CHECK(std::equal(minimums.begin(), minimums.end(), w.minimums.begin()));
  }
}

TEST_CASE("packed matrices take the space of their codes and parameters", "[packed]") {
  const auto bits_per_weight = [](int bits, std::size_t group, PackedZero zero, PackedScale scale) {
    const kernels::PackedFormat f{4096, 4096, bits, group, zero, scale};
    return static_cast<double>(f.bytes()) * 8 / (4096.0 * 4096.0);
  };
  CHECK(bits_per_weight(4, 128, PackedZero::symmetric, PackedScale::f16) == 4.125);
  CHECK(bits_per_weight(4, 32, PackedZero::minimum, PackedScale::f16) == 5.0);    // Q4_1
  CHECK(bits_per_weight(8, 32, PackedZero::symmetric, PackedScale::f16) == 8.5);  // Q8_0
  CHECK(bits_per_weight(3, 64, PackedZero::integer, PackedScale::f16) == 3.375);
  CHECK(bits_per_weight(2, 128, PackedZero::symmetric, PackedScale::f32) == 2.25);
}

TEST_CASE("formats without a kernel are told apart", "[packed]") {
  CHECK(kernels::can_pack({16, 96, 4, 32}));
  CHECK(kernels::can_pack({16, 97, 6, 0}));
  CHECK_FALSE(kernels::can_pack({16, 96, 4, 64}));
  CHECK_FALSE(kernels::can_pack({16, 96, 4, 16}));
  CHECK_FALSE(kernels::can_pack({16, 96, 7, 32}));
  CHECK_FALSE(kernels::can_pack({16, 96, 1, 32}));
}

TEST_CASE("dequantized packed weights are the exact values of the grid", "[packed]") {
  Rng rng(3);
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    for (const kernels::PackedFormat& f : formats_under_test(rng, 200)) {
      CAPTURE(isa, name_of(f));
      const auto w = random_matrix(rng, f);
      const auto bytes = packed_bytes(w);
      const std::size_t first = rng() % f.rows, rows = f.rows - first;
      GuardedBuffer<float> got(rows * f.cols);
      kernels::dequantize_packed(f, bytes.data(), first, rows, got.data(), f.cols);
      std::size_t wrong = 0;
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < f.cols; ++c)
          if (!(got[r * f.cols + c] == w.weight(first + r, c))) ++wrong;
      CHECK(wrong == 0);
    }
  }
}
