#include <algorithm>
#include <cmath>
#include <cstring>

#include "libquant/checkpoint/export_parts.h"
#include "libquant/checkpoint/output_tensor.h"
#include "libquant/core/error.h"
#include "libquant/io/stored_tensor.h"

namespace libquant {
namespace {

// Group g of the source covers several groups of the file where a format repeats parameters.
void compare_parameters(const std::vector<float>& expected, const std::vector<float>& found,
                        std::size_t groups, std::size_t found_groups, std::string_view what,
                        const std::string& tensor) {
  const std::size_t repeat = found_groups / groups;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::size_t row = i / found_groups, group = i % found_groups / repeat;
    // Bits, so that -0 is not 0.
    require<Error>(std::memcmp(&found[i], &expected[row * groups + group], sizeof(float)) == 0,
                   "verifying {}: {} of row {}, group {} is {} in the file, {} in the source",
                   tensor, what, row, group, found[i], expected[row * groups + group]);
  }
}

void compare_codes(const QuantizedMatrix& expected, const QuantizedMatrix& found,
                   const std::string& tensor) {
  require<Error>(found.rows == expected.rows && found.cols == expected.cols &&
                     found.scheme.bits == expected.scheme.bits &&
                     found.scheme.zero == expected.scheme.zero &&
                     found.groups() % expected.groups() == 0,
                 "verifying {}: the file has {} of {} x {}, the source {} of {} x {}", tensor,
                 to_string(found.scheme), found.rows, found.cols, to_string(expected.scheme),
                 expected.rows, expected.cols);
  const auto [a, b] = std::mismatch(found.codes.begin(), found.codes.end(), expected.codes.begin());
  const auto at = static_cast<std::size_t>(a - found.codes.begin());
  require<Error>(a == found.codes.end(),
                 "verifying {}: the code at row {}, column {} is {} in the file, {} in the source",
                 tensor, at / found.cols, at % found.cols, *a, *b);
  require<Error>(found.group_of == expected.group_of,
                 "verifying {}: the groups of the columns differ", tensor);
  compare_parameters(expected.scales, found.scales, expected.groups(), found.groups(), "the scale",
                     tensor);
  compare_parameters(expected.minimums, found.minimums, expected.groups(), found.groups(),
                     "the minimum", tensor);
  require<Error>(found.zeros == expected.zeros, "verifying {}: the zeros differ", tensor);
}

void compare_dense(const Checkpoint& source, const Checkpoint& written,
                   const PlannedTensor& tensor) {
  const TensorSpec& spec = tensor.spec;
  const std::size_t step = std::max<std::size_t>(1, (std::size_t{1} << 20) / spec.cols);
  const std::size_t stride = row_bytes(tensor.type, spec.cols);
  Matrix expected(std::min(step, spec.rows), spec.cols);
  Matrix found(expected.rows(), spec.cols), rounded(1, spec.cols);
  std::vector<std::byte> stored(stride);
  for (std::size_t begin = 0; begin < spec.rows; begin += step) {
    const std::size_t count = std::min(step, spec.rows - begin);
    source.load_rows(spec.name, begin, expected.view().row_range(0, count));
    written.load_rows(spec.name, begin, found.view().row_range(0, count));
    for (std::size_t r = 0; r < count; ++r) {
      store_row(expected.row(r), tensor.type, stored, spec.name);
      decode_rows({spec.name, tensor.type, {1, spec.cols}, stored}, 0, rounded);
      require<Error>(
          std::memcmp(rounded.data(), found.row(r).data(), spec.cols * sizeof(float)) == 0,
          "verifying {}: row {} is not the source's, rounded to {}", spec.name, begin + r,
          to_string(tensor.type));
    }
  }
}

// A tensor stored dense must not come back with codes of the blocks' own types, and the reverse.
void compare_tensor(const Checkpoint& source, const Checkpoint& written,
                    const PlannedTensor& tensor) {
  const std::string& name = tensor.spec.name;
  if (tensor.scheme.has_value()) {
    const std::optional<QuantizedMatrix> expected = source.quantized(name);
    const std::optional<QuantizedMatrix> found = written.quantized(name);
    require<Error>(expected.has_value() && found.has_value(), "verifying {}: no codes to compare",
                   name);
    compare_codes(*expected, *found, name);
  } else {
    compare_dense(source, written, tensor);
  }
  source.release(name);
  written.release(name);
}

bool close(double a, double b) { return std::abs(a - b) <= 1e-6 * std::abs(b); }

void compare_configs(const ModelConfig& expected, const ModelConfig& found) {
  const auto same = [](std::string_view what, auto a, auto b) {
    require<Error>(a == b, "verifying the config: {} is {} in the file, {} in the source", what, b,
                   a);
  };
  same("vocabulary_size", expected.vocabulary_size, found.vocabulary_size);
  same("hidden_size", expected.hidden_size, found.hidden_size);
  same("intermediate_size", expected.intermediate_size, found.intermediate_size);
  same("layers", expected.layers, found.layers);
  same("heads", expected.heads, found.heads);
  same("kv_heads", expected.kv_heads, found.kv_heads);
  same("head_dim", expected.head_dim, found.head_dim);
  same("max_positions", expected.max_positions, found.max_positions);
  same("sliding_window", expected.sliding_window, found.sliding_window);
  same("first_sliding_layer", expected.first_sliding_layer, found.first_sliding_layer);
  same("tied_embeddings", expected.tied_embeddings, found.tied_embeddings);
  require<Error>(close(found.rms_epsilon, expected.rms_epsilon) &&
                     close(found.rope.theta, expected.rope.theta),
                 "verifying the config: rms_epsilon {} and rope theta {} in the file, {} and {} in "
                 "the source",
                 found.rms_epsilon, found.rope.theta, expected.rms_epsilon, expected.rope.theta);
}

void compare_tokenizers(const TokenizerSpec& expected, const TokenizerSpec& found) {
  const auto same = [](std::string_view what, bool equal) {
    require<Error>(equal, "verifying the tokenizer: {} in the file differ from the source's", what);
  };
  same("tokens", expected.tokens == found.tokens);
  same("merges", expected.merges == found.merges);
  same("the chat templates", expected.chat_template == found.chat_template);
  same("the ids of BOS and EOS", expected.bos == found.bos && expected.eos == found.eos);
  same("the rules for adding BOS and EOS",
       expected.add_bos == found.add_bos && expected.add_eos == found.add_eos);
}

}  // namespace

void verify_export(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                   const WriteOptions& options, const Checkpoint& written,
                   ExportProgress& progress) {
  require<Error>(written.format() == to_string(options.format),
                 "verifying: the file reads as {}, {} was written", written.format(),
                 to_string(options.format));
  compare_configs(source.config(), written.config());
  TokenizerSpec tokenizer = source.tokenizer();
  if (options.format == Format::gguf) pad_vocabulary(tokenizer, source.config().vocabulary_size);
  compare_tokenizers(tokenizer, written.tokenizer());
  for (const PlannedTensor& tensor : plan) {
    compare_tensor(source, written, tensor);
    progress.advance("verifying", tensor.spec.rows * tensor.spec.cols);
  }
}

}  // namespace libquant
