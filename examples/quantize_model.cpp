// Quantizes a model file and measures it: quantize_model MODEL OUTPUT TEXT...
// What `libquant quantize` and `libquant eval` do, as a program of your own.
#include <libquant/checkpoint/checkpoint.h>
#include <libquant/core/error.h>
#include <libquant/pipeline/evaluate_text.h>
#include <libquant/pipeline/quantize_model.h>

#include <cstdio>
#include <filesystem>
#include <vector>

using namespace libquant;

namespace {

int run(const char* model, const char* output, const std::vector<std::filesystem::path>& texts) {
  const auto source = open_checkpoint(model);

  QuantizeOptions options;
  options.layer.method = Method::gptq;
  options.layer.clip = default_clip(Method::gptq);
  options.layer.scheme.bits = 4;
  options.layer.scheme.group_size = 64;
  options.calibration.texts = texts;
  options.output = output;
  options.source_name = model;
  const QuantizeReport report = quantize_model(*source, options, [](const Progress& p) {
    std::printf("\r%-40.*s %3.0f %%", static_cast<int>(p.stage.size()), p.stage.data(),
                p.total > 0 ? 100 * p.done / p.total : 0.0);
    return std::fflush(stdout) == 0;  // false would stop the job; it could be resumed
  });
  std::printf("\n%zu layers in %.1f s, %zu fell back to rounding\n", report.layers.size(),
              report.seconds, report.method_fallbacks);

  // Measured on the text that it was calibrated on, which flatters it: take another one.
  const auto quantized = open_checkpoint(output);
  TextEvalOptions protocol;
  protocol.texts = texts;
  protocol.max_tokens = 4096;
  const EvalResult result = evaluate_text(*quantized, source.get(), protocol).result;
  std::printf("perplexity %.3f, original %.3f, KL %.4f nats\n", result.perplexity,
              result.reference_perplexity, result.kl_divergence);
  return report.too_many_fallbacks() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL OUTPUT TEXT...\n", argv[0]);
    return 2;
  }
  try {
    return run(argv[1], argv[2], {argv + 3, argv + argc});
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
