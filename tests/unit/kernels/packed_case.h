#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "kernels/half.h"
#include "kernels/packed_matmul.h"
#include "tests/reference/packed_matmul.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace libquant::tests {

/// Instruction sets of the packed kernels to test: the one that LIBQUANT_ISA names, else all that
/// this machine runs.
inline std::vector<std::string> packed_isas_under_test() {
  if (const char* wanted = std::getenv("LIBQUANT_ISA"); wanted != nullptr && *wanted != '\0')
    return {wanted};
  std::vector<std::string> names;
  for (const kernels::InstructionSet& set : kernels::compiled_sets())
    if (kernels::find_table(set.name) != nullptr) names.emplace_back(set.name);
  return names;
}

inline float rounded_to(kernels::PackedScale type, float value) {
  if (type == kernels::PackedScale::f16) return kernels::float_of_f16(kernels::f16_of_float(value));
  if (type == kernels::PackedScale::bf16)
    return kernels::float_of_bf16(kernels::bf16_of_float(value));
  return value;
}

/// Random codes over the whole range of the format.
inline reference::CodedMatrix random_matrix(Rng& rng, const kernels::PackedFormat& format) {
  reference::CodedMatrix w;
  w.format = format;
  const std::size_t parameters = format.rows * format.groups();
  const auto code = [&] { return static_cast<std::uint8_t>(rng() % (1u << format.bits)); };
  w.codes.resize(format.rows * format.cols);
  for (std::uint8_t& c : w.codes) c = code();
  std::uniform_real_distribution<float> scale(0.001f, 0.02f), minimum(-0.2f, 0.05f);
  for (std::size_t i = 0; i < parameters; ++i)
    w.scales.push_back(rounded_to(format.scale, scale(rng)));
  if (format.zero == kernels::PackedZero::integer)
    for (std::size_t i = 0; i < parameters; ++i) w.zeros.push_back(code());
  if (format.zero == kernels::PackedZero::minimum)
    for (std::size_t i = 0; i < parameters; ++i)
      w.minimums.push_back(rounded_to(format.scale, minimum(rng)));
  return w;
}

/// The packed bytes up against an inaccessible page.
inline GuardedBuffer<unsigned char> packed_bytes(const reference::CodedMatrix& w) {
  GuardedBuffer<unsigned char> bytes(w.format.bytes());
  kernels::pack(w.format, {w.codes.data(), w.scales.data(), w.zeros.data(), w.minimums.data()},
                bytes.data());
  return bytes;
}

inline std::string name_of(const kernels::PackedFormat& f) {
  static const char* const kZero[] = {"symmetric", "integer", "minimum"};
  static const char* const kScale[] = {"f16", "bf16", "f32"};
  std::ostringstream text;
  text << 'w' << f.bits << 'g' << f.group << ' ' << kZero[static_cast<int>(f.zero)] << ' '
       << kScale[static_cast<int>(f.scale)] << ' ' << f.rows << 'x' << f.cols;
  return text.str();
}

/// Every bits x group x zero, shapes and scale types drawn. Rows favour tails of panels and of
/// pairs of them; columns are whole groups, or anything where a group is the row.
inline std::vector<kernels::PackedFormat> formats_under_test(Rng& rng, std::size_t most_columns) {
  using kernels::PackedScale;
  using kernels::PackedZero;
  std::vector<kernels::PackedFormat> list;
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const std::size_t group : {0, 32, 64, 128}) {
      for (const PackedZero zero :
           {PackedZero::symmetric, PackedZero::integer, PackedZero::minimum}) {
        const std::size_t cols = group == 0 ? 1 + tail_size(rng, most_columns - 1)
                                            : group * (1 + rng() % (most_columns / group));
        list.push_back(
            {1 + tail_size(rng, 69), cols, bits, group, zero, static_cast<PackedScale>(rng() % 3)});
      }
    }
  }
  return list;
}

}  // namespace libquant::tests
