// Quantizes one linear layer without any model: weights and sample inputs in, 4-bit codes out.
#include <libquant/algorithms/quantize_layer.h>
#include <libquant/core/rng.h>

#include <cstdio>

using namespace libquant;

namespace {

// Inputs as layers see them: every value shares a part with its neighbour, some columns are loud.
Matrix sample_inputs(std::size_t tokens, std::size_t size, Rng& rng) {
  Matrix x(tokens, size);
  for (std::size_t t = 0; t < tokens; ++t) {
    double previous = rng.normal();
    for (std::size_t i = 0; i < size; ++i) {
      previous = 0.8 * previous + 0.6 * rng.normal();
      x(t, i) = static_cast<float>(i % 32 == 0 ? 8 * previous : previous);
    }
  }
  return x;
}

}  // namespace

int main() {
  constexpr std::size_t kOutputs = 128, kInputs = 256, kTokens = 2048;
  Rng rng(1);
  Matrix weights(kOutputs, kInputs);
  for (std::size_t r = 0; r < kOutputs; ++r)
    for (float& w : weights.row(r)) w = static_cast<float>(0.02 * rng.normal());

  // All that GPTQ knows of the inputs is their second moments.
  Hessian hessian(kInputs);
  hessian.add(sample_inputs(kTokens, kInputs, rng));

  LayerOptions options;
  options.scheme.bits = 4;
  options.scheme.group_size = 64;
  const LayerResult result = quantize_layer(weights, &hessian, options, "example.weight");
  if (!result.report.fallback.empty()) {
    std::printf("fell back to rounding: %s\n", result.report.fallback.c_str());
    return 1;
  }

  // The neutral form, from which every file format is written.
  const QuantizedMatrix& matrix = result.matrix;
  std::printf("%zu x %zu codes in %zu groups a row\n", matrix.rows, matrix.cols, matrix.groups());
  std::printf("first weight %.5f, its code %d, value %.5f\n", static_cast<double>(weights(0, 0)),
              matrix.codes[0], static_cast<double>(dequantize(matrix)(0, 0)));
  std::printf("error of the outputs: %.2e, of rounding to nearest: %.2e\n", result.report.error,
              result.report.rtn_error);
  return result.report.error < result.report.rtn_error ? 0 : 1;
}
