#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/progress.h"
#include "libquant/io/json.h"
#include "libquant/scoring/evaluate.h"

namespace libquant {

/// Whether every window begins with a BOS token.
enum class BosPolicy : std::uint8_t {
  automatic,  ///< "auto": where the tokenizer's metadata says so
  yes,
  no
};
std::string_view to_string(BosPolicy policy) noexcept;
BosPolicy bos_policy_from(std::string_view name);

/// Perplexity of files on text.
struct TextEvalOptions {
  std::vector<std::filesystem::path> texts;  ///< joined in this order
  std::size_t window = 2048;                 ///< this and the next two: see EvalOptions
  std::size_t overlap = 0;
  std::size_t unscored = 1;
  std::size_t max_tokens = 0;  ///< 0 = the whole text
  BosPolicy bos = BosPolicy::automatic;
  Activations activations = Activations::exact;  ///< of the model; a reference is always exact
};

/// The result with everything that its protocol depends on.
struct TextEvalResult {
  EvalResult result;
  std::size_t overlap = 0, unscored = 1;
  bool bos = false;                              ///< as used
  std::size_t text_tokens = 0;                   ///< of the whole text, before max_tokens
  Activations activations = Activations::exact;  ///< of the model
  std::string model_type;      ///< most frequent stored type of the block matrices
  std::string reference_type;  ///< empty without a reference
};

/// Loads the model (and the reference, if not null) into memory and evaluates it. Throws
/// InvalidArgument when the two have different vocabularies or a BOS is asked for that the
/// tokenizer lacks; Error for text that cannot be read or is empty.
TextEvalResult evaluate_text(const Checkpoint& model, const Checkpoint* reference,
                             const TextEvalOptions& options, const ProgressCallback& progress = {});

/// The same for a model that is in memory already; `source` is what it was loaded from.
TextEvalResult evaluate_text(const Model& model, const Checkpoint& source,
                             const TextEvalOptions& options, const ProgressCallback& progress = {});

Json to_json(const TextEvalResult& result);

}  // namespace libquant
