#include "libquant/pipeline/trial_judge.h"

#include <algorithm>
#include <unordered_map>

#include "libquant/audit/comparison.h"
#include "libquant/audit/score_file.h"
#include "libquant/core/hash.h"
#include "libquant/io/atomic_file.h"
#include "libquant/pipeline/progress_meter.h"
#include "libquant/scoring/evaluate.h"
#include "libquant/scoring/item_trees.h"

namespace libquant {
namespace {

constexpr const char* kLossKey = "negative_log_likelihood";

std::vector<ScoringFormat> formats_of(const FairnessOptions& options) {
  std::vector<ScoringFormat> formats;
  if (options.answers) formats.push_back(ScoringFormat::answer_per_token);
  if (options.letters) formats.push_back(ScoringFormat::letters);
  if (options.sentences) formats.push_back(ScoringFormat::sentence_per_token);
  return formats;
}

}  // namespace

TrialJudge::TrialJudge(const Checkpoint& source, const QuantizeOptions& options,
                       const Prepared& prepared)
    : source_(source),
      items_(prepared.fair->select),
      text_(prepared.held_out),
      formats_(formats_of(options.fairness)) {
  scoring_.answers = options.fairness.answers;
  scoring_.letters = options.fairness.letters;
}

double TrialJudge::flops() const {
  TreeCost cost{text_.size(), text_.size(), 0};
  const Tokenizer tokenizer(source_.tokenizer());
  ItemTrees items(tokenizer, scoring_);
  for (const ProbeItem& item : items_) items.add(item);
  for (const PromptTree& tree : items.trees()) {
    cost.tokens += tree.prefix.size();
    for (const auto& continuation : tree.continuations) {
      cost.tokens += continuation.size();
      cost.scored_rows += continuation.size();
    }
  }
  return libquant::flops(cost, source_.config());
}

std::string TrialJudge::identity() const {
  Hasher hasher;
  for (const ProbeItem& item : items_) hasher.update(item.id + "\n");
  for (const ScoringFormat format : formats_) hasher.update(std::string(to_string(format)) + "\n");
  hasher.update(std::as_bytes(std::span(text_)));
  return fmt::format("{} items, {} tokens/{}", items_.size(), text_.size(), hasher.hex());
}

double TrialJudge::text_loss(const Model& model, const ProgressCallback& progress) const {
  const TokenizerSpec& spec = source_.tokenizer();
  EvalOptions options;
  options.add_bos = spec.add_bos && spec.bos >= 0;
  options.bos = spec.bos;
  options.window = kTrialWindow + (options.add_bos ? 1 : 0);
  return evaluate(model, nullptr, text_, options, progress).negative_log_likelihood;
}

void TrialJudge::measure_original(const std::filesystem::path& folder,
                                  const std::string& fingerprint,
                                  const ProgressCallback& progress) {
  const auto loss_file = folder / "original.json";
  ScoreWriter writer(folder / "original.jsonl", Json::object({{"search", fingerprint}}), true);
  std::unordered_map<std::string, ItemScore> scores;
  for (const ItemScore& score : writer.kept()) scores.emplace(score.id, score);
  std::vector<ProbeItem> missing;
  for (const ProbeItem& item : items_)
    if (!scores.contains(item.id)) missing.push_back(item);
  const bool measured = std::filesystem::exists(loss_file);
  if (!missing.empty() || !measured) {
    const Model model(source_);
    ProgressMeter meter(progress, 2);
    const auto keep = [&](const ItemScore& score) { writer.append(score); };
    for (ItemScore& score :
         score_items(model, Tokenizer(source_.tokenizer()), missing, scoring_, keep, meter.part(1)))
      scores.insert_or_assign(score.id, std::move(score));
    if (!measured)
      write_file_atomic(loss_file,
                        Json::object({{kLossKey, text_loss(model, meter.part(1))}}).dump() + "\n");
  }
  for (const ProbeItem& item : items_) original_.push_back(scores.at(item.id));
  original_loss_ = Json::parse_file(loss_file).at(kLossKey).as_double(kLossKey);
}

ProbeLoss TrialJudge::judge(const Checkpoint& quantized, const ProgressCallback& progress) const {
  const Model model(quantized);
  ProgressMeter meter(progress, 2);
  const std::vector<ItemScore> scores =
      score_items(model, Tokenizer(source_.tokenizer()), items_, scoring_, {}, meter.part(1));
  std::vector<Comparison> compared;
  for (const ScoringFormat format : formats_)
    compared.push_back(compare_scores(items_, original_, scores, format, {}));
  return probe_loss(compared, text_loss(model, meter.part(1)) / original_loss_);
}

}  // namespace libquant
