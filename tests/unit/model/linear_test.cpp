#include "libquant/model/linear.h"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/dispatch.h"
#include "libquant/core/error.h"
#include "libquant/core/half.h"
#include "libquant/core/rng.h"
#include "libquant/model/model.h"
#include "tests/support/catch.h"
#include "tests/support/coded_checkpoint.h"
#include "tests/support/logits_distance.h"
#include "tests/support/memory_source.h"
#include "tests/support/thread_count.h"

namespace libquant {
namespace {

using testing::CodedCheckpoint;
using testing::MemorySource;
using testing::random_tokens;

Matrix random_values(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Rng rng(seed);
  Matrix values(rows, cols);
  for (std::size_t i = 0; i < values.size(); ++i)
    values.data()[i] = static_cast<float>(rng.normal());
  return values;
}

bool same_bytes(const Matrix& a, const Matrix& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_CASE("a layer in 16 bits gives the bytes of the same layer in fp32", "[model]") {
  constexpr std::size_t kOutputs = 300, kInputs = 576;
  for (const DType type : {DType::f16, DType::bf16}) {
    Matrix weight = random_values(kOutputs, kInputs, 1);
    std::vector<std::uint16_t> half(weight.size());
    for (std::size_t i = 0; i < weight.size(); ++i) {
      float& value = weight.data()[i];
      half[i] = type == DType::f16 ? f32_to_f16(value) : f32_to_bf16(value);
      value = type == DType::f16 ? f16_to_f32(half[i]) : bf16_to_f32(half[i]);
    }
    const std::vector<float> bias(kOutputs, 0.25f);
    const Linear full(std::move(weight), bias);
    const HalfLinear narrow(kOutputs, kInputs, type, half, bias);
    CHECK(narrow.bytes() * 2 == full.bytes());
    for (const std::size_t tokens : {1, 16, 17, 200}) {
      const Matrix x = random_values(tokens, kInputs, tokens);
      Matrix expected = random_values(tokens, kOutputs, 2), found = expected.clone();
      for (const bool accumulate : {true, false}) {
        full.apply(x, expected, accumulate);
        narrow.apply(x, found, accumulate);
        CHECK(same_bytes(expected, found));
      }
    }
    std::vector<float> row(kInputs);
    narrow.copy_row(299, row);
    CHECK(std::memcmp(row.data(), full.weight.row(299).data(), kInputs * sizeof(float)) == 0);
  }
  CHECK_THROWS_AS(HalfLinear(2, 3, DType::f32, std::vector<std::uint16_t>(6), {}), InvalidArgument);
  CHECK_THROWS_AS(HalfLinear(2, 3, DType::f16, std::vector<std::uint16_t>(5), {}), InvalidArgument);
}

TEST_CASE("a layer in bf16 rounds its inputs where it is told to", "[model]") {
  constexpr std::size_t kOutputs = 70, kInputs = 576;
  const std::vector<float> bias(kOutputs, 0.25f);
  std::vector<std::uint16_t> half(kOutputs * kInputs);
  const Matrix weight = random_values(kOutputs, kInputs, 1);
  for (std::size_t i = 0; i < half.size(); ++i) half[i] = f32_to_bf16(weight.data()[i]);
  const HalfLinear exact(kOutputs, kInputs, DType::bf16, half, bias);
  kernels::force_isa("scalar");  // every machine has it
  const HalfLinear rounding(kOutputs, kInputs, DType::bf16, half, bias, Activations::bf16);
  for (const std::size_t tokens : {1, 40}) {
    Matrix x = random_values(tokens, kInputs, tokens);
    Matrix full = Matrix(tokens, kOutputs), rounded = Matrix(tokens, kOutputs);
    exact.apply(x, full);
    rounding.apply(x, rounded);
    double size = 0, moved = 0;
    for (std::size_t i = 0; i < full.size(); ++i) {
      size += std::pow(double{full.data()[i]}, 2);
      moved += std::pow(double{full.data()[i]} - double{rounded.data()[i]}, 2);
    }
    CHECK(moved > 0);
    CHECK(std::sqrt(moved / size) < 0x1p-8);  // an input errs by 2^-8 of itself at most
    for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = bf16_to_f32(f32_to_bf16(x.data()[i]));
    exact.apply(x, full);
    rounding.apply(x, rounded);
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t o = 0; o < kOutputs; ++o) {
        double magnitude = 0.25;
        for (std::size_t i = 0; i < kInputs; ++i)
          magnitude += std::abs(double{x(t, i)} * double{bf16_to_f32(half[o * kInputs + i])});
        // Two sums in different orders.
        CHECK(std::abs(full(t, o) - rounded(t, o)) <= 2 * (kInputs + 4) * 0x1p-24 * magnitude);
      }
  }
  kernels::force_isa(nullptr);

  for (const kernels::InstructionSet& set : kernels::compiled_sets()) {
    if (set.bf16 != nullptr || !set.dense->supported() || !set.packed->supported()) continue;
    kernels::force_isa(set.name);
    CHECK_THROWS_AS(HalfLinear(kOutputs, kInputs, DType::bf16, half, bias, Activations::bf16),
                    NotSupported);
    const HalfLinear other(kOutputs, kInputs, DType::f16, half, bias, Activations::bf16);
    kernels::force_isa(nullptr);
  }
}

// Weights that are values of fp16, and say so.
class HalfSource final : public MemorySource {
 public:
  explicit HalfSource(ModelConfig config) : MemorySource(std::move(config)) {
    for (auto& [name, tensor] : tensors)
      for (std::size_t i = 0; i < tensor.size(); ++i)
        tensor.data()[i] = f16_to_f32(f32_to_f16(tensor.data()[i]));
  }
  std::string type = "F16";
  Info info(std::string_view name) const override {
    Info info = MemorySource::info(name);
    info.type = type;
    info.bytes = info.rows * info.cols * (type == "F16" ? 2 : 4);
    return info;
  }
};

Matrix logits_of(const Model& model, const TokenBatch& batch) {
  return model.logits(model.hidden_states(batch));
}

TEST_CASE("a model in 16 bits gives the bytes of the same model in fp32", "[model]") {
  HalfSource source(testing::tiny_config());
  const TokenBatch batch{random_tokens(30, 41, 1), {30}};
  const Model narrow(source);
  source.type = "F32";
  const Model full(source);
  CHECK(same_bytes(logits_of(narrow, batch), logits_of(full, batch)));
  REQUIRE(narrow.weight_uses().size() == 1);
  CHECK(narrow.weight_uses()[0].form == WeightUse::Form::half);
  CHECK_FALSE(narrow.weight_uses()[0].expanded());
  CHECK(narrow.weight_uses()[0].bytes * 2 == full.weight_uses()[0].bytes);
}

// Codes whose values have the size of weights, so that logits mean something.
CodedCheckpoint coded(const Scheme& scheme) {
  CodedCheckpoint source(testing::export_config());
  source.quantize(scheme);
  for (auto& [name, matrix] : source.codes) {
    Rng rng(matrix.rows);
    for (float& scale : matrix.scales)
      scale = round_to(scheme.scale_type, static_cast<float>(0.01 + 0.01 * rng.uniform()) * 8.0f /
                                              static_cast<float>(1 << (scheme.bits - 1)));
    for (float& minimum : matrix.minimums)
      minimum = round_to(scheme.scale_type, static_cast<float>(-0.1 - 0.1 * rng.uniform()));
  }
  return source;
}

TEST_CASE("a model of codes computes with them as with the weights they stand for", "[model]") {
  for (const Scheme& scheme :
       {Scheme{.bits = 4, .group_size = 32, .zero = ZeroKind::minimum},
        Scheme{.bits = 8, .group_size = 0}, Scheme{.bits = 3, .group_size = 128},
        Scheme{.bits = 6, .group_size = 64, .zero = ZeroKind::asymmetric}}) {
    CAPTURE(to_string(scheme));
    CodedCheckpoint source = coded(scheme);
    const Model packed(source);
    REQUIRE(packed.weight_uses().size() == 2);
    const WeightUse& codes = packed.weight_uses()[1];
    CHECK(codes.stored == to_string(scheme));
    CHECK(codes.matrices == 7);
    CHECK(codes.form == (scheme.bits == 6 ? WeightUse::Form::codes_in_8 : WeightUse::Form::codes));
    CHECK(codes.expanded() == (scheme.bits == 6));
    for (const auto& [name, matrix] : source.codes) source.tensor(name) = dequantize(matrix);
    source.codes.clear();
    const Model dense(source);
    REQUIRE(dense.weight_uses().size() == 1);
    CHECK(dense.weight_uses()[0].form == WeightUse::Form::f32);
    const TokenBatch batch{random_tokens(20, 264, 1), {20}};
    CHECK(testing::distance(logits_of(packed, batch), logits_of(dense, batch)) <=
          testing::kReorderedSums);
  }
}

// Rounding every input of seven layers to 8 bits moves logits by far more than another order of
// summation does, and by far less than they are: between a thousandth and a tenth.
TEST_CASE("int8 activations are near the exact ones and not them, at any thread count", "[model]") {
  const CodedCheckpoint source = coded({.bits = 4, .group_size = 32});
  const TokenBatch batch{random_tokens(20, 264, 1), {20}};
  const Model model(source, {.activations = Activations::int8});
  CHECK(model.options().activations == Activations::int8);
  const Matrix rounded = logits_of(model, batch), exact = logits_of(Model(source), batch);
  const double apart = testing::distance(rounded, exact);
  CHECK(apart <= 0.1);
  CHECK(apart > 0.001);
  const test_support::ThreadCount one(1);
  CHECK(same_bytes(logits_of(model, batch), rounded));
}

TEST_CASE("weights beyond fp32 are refused by name", "[model]") {
  CodedCheckpoint source = coded(
      {.bits = 4, .group_size = 32, .zero = ZeroKind::symmetric, .scale_type = ScaleType::f32});
  const std::string name = "model.layers.0.mlp.up_proj.weight";
  source.codes.at(name).scales[5] = 3e38f;
  CHECK_THROWS_WITH(Model(source), libquant::testing::contains_text(name));
}

}  // namespace
}  // namespace libquant
