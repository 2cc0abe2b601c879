#include "libquant/pipeline/evaluate_text.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "libquant/core/error.h"
#include "libquant/model/model.h"
#include "libquant/pipeline/calibration.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {
namespace {

bool use_bos(BosPolicy policy, const TokenizerSpec& spec) {
  if (policy == BosPolicy::no) return false;
  if (policy == BosPolicy::automatic) return spec.add_bos && spec.bos >= 0;
  require(spec.bos >= 0, "a BOS before every window was asked for, but the tokenizer has none");
  return true;
}

// Some files pad the vocabulary to the size of the embeddings.
bool same_pieces(const TokenizerSpec& a, const TokenizerSpec& b) {
  const std::size_t common = std::min(a.tokens.size(), b.tokens.size());
  return std::equal(a.tokens.begin(), a.tokens.begin() + static_cast<std::ptrdiff_t>(common),
                    b.tokens.begin());
}

struct Protocol {
  EvalOptions options;
  std::vector<std::int32_t> tokens;
};

Protocol prepare(const Checkpoint& model, const TextEvalOptions& options) {
  require(!options.texts.empty(), "evaluation needs at least one text file");
  const TokenizerSpec& spec = model.tokenizer();
  Protocol out;
  out.options.add_bos = use_bos(options.bos, spec);
  out.options.bos = spec.bos;
  out.options.window = options.window;
  out.options.overlap = options.overlap;
  out.options.unscored = options.unscored;
  out.options.max_tokens = options.max_tokens;
  out.tokens = tokenize_texts(Tokenizer(spec), options.texts);
  return out;
}

TextEvalResult evaluate_with(const Protocol& protocol, const Model& model, const Model* reference,
                             const Checkpoint& source, const ProgressCallback& progress) {
  TextEvalResult evaluated;
  evaluated.bos = protocol.options.add_bos;
  evaluated.overlap = protocol.options.overlap;
  evaluated.unscored = protocol.options.unscored;
  evaluated.activations = model.options().activations;
  evaluated.model_type = source.type_name();
  evaluated.text_tokens = protocol.tokens.size();
  evaluated.result = evaluate(model, reference, protocol.tokens, protocol.options, progress);
  return evaluated;
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

std::string_view to_string(BosPolicy policy) noexcept {
  switch (policy) {
    case BosPolicy::automatic:
      return "auto";
    case BosPolicy::yes:
      return "yes";
    case BosPolicy::no:
      return "no";
  }
  return "";
}

BosPolicy bos_policy_from(std::string_view name) {
  for (const auto policy : {BosPolicy::automatic, BosPolicy::yes, BosPolicy::no})
    if (name == to_string(policy)) return policy;
  fail<InvalidArgument>("BOS policy '{}': expected auto, yes or no", name);
}

TextEvalResult evaluate_text(const Checkpoint& model, const Checkpoint* reference,
                             const TextEvalOptions& options, const ProgressCallback& progress) {
  require(reference == nullptr || same_pieces(reference->tokenizer(), model.tokenizer()),
          "the model and its reference have different vocabularies");
  // Before the models are loaded, which takes longest.
  const Protocol protocol = prepare(model, options);
  const Model loaded(model, {.activations = options.activations});
  std::optional<Model> other;
  if (reference != nullptr) other.emplace(*reference);
  TextEvalResult evaluated =
      evaluate_with(protocol, loaded, other ? &*other : nullptr, model, progress);
  if (reference != nullptr) evaluated.reference_type = reference->type_name();
  return evaluated;
}

TextEvalResult evaluate_text(const Model& model, const Checkpoint& source,
                             const TextEvalOptions& options, const ProgressCallback& progress) {
  return evaluate_with(prepare(source, options), model, nullptr, source, progress);
}

Json to_json(const TextEvalResult& evaluated) {
  const EvalResult& r = evaluated.result;
  return Json::object(
      {{"perplexity", number_or_null(r.perplexity)},
       {"negative_log_likelihood", number_or_null(r.negative_log_likelihood)},
       {"reference_perplexity", number_or_null(r.reference_perplexity)},
       {"kl_divergence", number_or_null(r.kl_divergence)},
       {"top1_agreement", number_or_null(r.top1_agreement)},
       {"activations", to_string(evaluated.activations)},
       {"model_type", evaluated.model_type},
       {"reference_type",
        evaluated.reference_type.empty() ? Json(nullptr) : Json(evaluated.reference_type)},
       {"window", r.window},
       {"overlap", evaluated.overlap},
       {"unscored", evaluated.unscored},
       {"windows", r.windows},
       {"bos", evaluated.bos},
       {"scored_tokens", r.scored_tokens},
       {"text_tokens", evaluated.text_tokens},
       {"seconds", r.seconds}});
}

}  // namespace libquant
