// libquant_eval_in_memory MODEL OUTPUT MAX_TOKENS TEXT...: perplexity of the quantized model as it
// was in memory, from the codes in OUTPUT's work folder before any format was written: what every
// exported file is measured against. The run in OUTPUT must have finished its blocks and have been
// stopped before its results were in place.

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/error.h"
#include "libquant/pipeline/evaluate_text.h"
#include "libquant/pipeline/fingerprint.h"
#include "libquant/pipeline/quantized_checkpoint.h"

namespace {

namespace fs = std::filesystem;

std::vector<std::unique_ptr<libquant::BlockFile>> open_blocks(const fs::path& work,
                                                              std::size_t count) {
  const auto run = libquant::Json::parse_file(work / "fingerprint.json");
  const std::string fingerprint = libquant::fingerprint_hash(run);
  std::vector<std::unique_ptr<libquant::BlockFile>> blocks;
  for (std::size_t block = 0; block < count; ++block) {
    const fs::path file = work / fmt::format("block-{:04}.bin", block);
    blocks.push_back(std::make_unique<libquant::BlockFile>(file, block, fingerprint));
  }
  return blocks;
}

void evaluate(const std::vector<std::string>& arguments) {
  const auto source = libquant::open_checkpoint(arguments[0]);
  const libquant::QuantizedCheckpoint model(
      *source, open_blocks(fs::path(arguments[1]) / ".libquant-work", source->config().layers));
  libquant::TextEvalOptions options;
  options.max_tokens = std::stoul(arguments[2]);
  options.texts.assign(arguments.begin() + 3, arguments.end());
  fmt::print("{:.17g}\n", evaluate_text(model, nullptr, options).result.perplexity);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  libquant::require(arguments.size() >= 4,
                    "usage: libquant_eval_in_memory MODEL OUTPUT MAX_TOKENS TEXT...");
  evaluate(arguments);
} catch (const std::exception& error) {
  fmt::print(stderr, "libquant_eval_in_memory: {}\n", error.what());
  return 1;
}
