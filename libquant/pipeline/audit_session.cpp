#include "libquant/pipeline/audit_session.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "kernels/cpu/dispatch.h"
#include "kernels/fma_probe.h"
#include "libquant/audit/score_file.h"
#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/core/version.h"
#include "libquant/model/model.h"
#include "libquant/pipeline/audit_output.h"
#include "libquant/pipeline/audit_samples.h"
#include "libquant/pipeline/chat_session.h"
#include "libquant/pipeline/fair_report.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {
namespace {

// Work units: items. A token of perplexity text costs about a hundredth of one, an item of the
// study's protocol, with ten answers of five tokens, about three.
constexpr double kTextTokenWork = 0.01;
constexpr double kStudyItemWork = 3;
constexpr double kDefaultTextTokens = 20000;
constexpr double kProbeSeconds = 0.1;

bool holds_scores(const std::filesystem::path& path) { return path.extension() == ".jsonl"; }

// "Q4_1" has 4, "BF16" 16, "w3g64 asymmetric f16" 3: the first number in a type's name.
std::optional<double> nominal_bits(const std::string& type) {
  const auto first =
      std::find_if(type.begin(), type.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  const auto last =
      std::find_if(first, type.end(), [](unsigned char c) { return std::isdigit(c) == 0; });
  if (first == last) return std::nullopt;
  return std::stod(std::string(first, last));
}

std::string describe_tokenizer(const TokenizerSpec& spec) {
  Hasher hasher;
  hash_tokenizer(spec, hasher);
  return fmt::format("{} tokens, hash {}", spec.tokens.size(), hasher.hex());
}

AuditedModel describe(const Checkpoint& source, const std::filesystem::path& path, std::string name,
                      std::string hash) {
  AuditedModel model;
  model.name = std::move(name);
  model.path = path.string();
  model.type = source.type_name();
  model.bits = nominal_bits(model.type);
  model.bytes = 0;
  for (const auto& tensor : source.names()) *model.bytes += source.info(tensor).bytes;
  model.hash = std::move(hash);
  model.tokenizer = describe_tokenizer(source.tokenizer());
  return model;
}

std::string text_member(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value != nullptr && value->is_string() ? value->as_string(key) : "";
}

// The header of a score file says as much of the model as its maker knew.
AuditedModel described_by(const Json& header, std::string name) {
  AuditedModel model;
  model.name = std::move(name);
  model.type = text_member(header, "weights");
  model.method = text_member(header, "method");
  model.hash = text_member(header, "model_hash");
  model.tokenizer = text_member(header, "tokenizer");
  model.chat_format = text_member(header, "chat_format");
  const auto number = [&](std::string_view key) -> std::optional<double> {
    const Json* value = header.find(key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->as_double(key);
  };
  model.bits = number("bits");
  if (const auto bytes = number("bytes")) model.bytes = static_cast<std::uint64_t>(*bytes);
  model.perplexity = number("perplexity");
  return model;
}

AuditedModel read_score_source(const std::filesystem::path& path, std::string name) {
  ScoreFile file = read_scores(path);
  AuditedModel model = described_by(file.header, std::move(name));
  model.path = path.string();
  model.scores = std::move(file.scores);
  return model;
}

}  // namespace

AuditSession::AuditSession(const AuditRequest& request) : request_(request), chat_(request.chat) {
  require(!request.probes.empty(), "an audit needs at least one file of probe items");
  require(request.scoring.letters || request.scoring.answers,
          "an audit needs letters, answers, or both to be scored");
  std::vector<ProbeItem> all;
  std::unordered_set<std::string> ids;
  for (const auto& path : request.probes) {
    ProbeSet set = load_probes(path, request.probe_format);
    sources_.push_back(
        {set.name, set.path, set.licence, set.content_hash, set.items.size(), set.skipped});
    for (ProbeItem& item : set.items) {
      require(ids.insert(item.id).second, "{}: item {} is also in another of the probe files",
              path.string(), item.id);
      all.push_back(std::move(item));
    }
  }
  if (request.split) all = items_of(all, *request.split);
  available_ = all.size();
  items_ = sample_items(all, request.items, request.seed);
  prepare_audit_folder(request);
}

double AuditSession::text_work() const {
  if (request_.text.texts.empty()) return 0;
  return kTextTokenWork * (request_.text.max_tokens > 0
                               ? static_cast<double>(request_.text.max_tokens)
                               : kDefaultTextTokens);
}

double AuditSession::study_work() const {
  return request_.study ? kStudyItemWork * static_cast<double>(study_items(items_).size()) : 0;
}

double AuditSession::model_work() const {
  return static_cast<double>(items_.size()) + text_work() + study_work();
}

AuditedModel AuditSession::score(const std::filesystem::path& path, std::string name,
                                 ProgressMeter& progress) {
  if (holds_scores(path)) {
    require(!request_.study,
            "{}: the study's protocol asks models themselves, it cannot use a file of scores",
            path.string());
    progress.stage("reading scores of " + name);
    AuditedModel model = read_score_source(path, std::move(name));
    progress.add(model_work());
    return model;
  }
  check_disjoint(templates_behind(path), items_,
                 "quantizing " + path.string() + " (--split evaluate leaves them out)");
  const auto source = open_checkpoint(path);
  return score(*source, path, std::move(name), source->content_hash(), progress);
}

AuditedModel AuditSession::score(const Checkpoint& source, const std::filesystem::path& path,
                                 std::string name, std::string hash, ProgressMeter& progress) {
  if (!chat_) chat_ = detect_chat_format(source.tokenizer());
  AuditedModel described = describe(source, path, std::move(name), std::move(hash));
  described.chat_format = to_string(*chat_);
  const Model model(source);
  score_items_of(source, model, described, progress);
  ask_as_in_the_study(source, model, described, progress);
  if (request_.text.texts.empty()) return described;
  progress.stage("perplexity of " + described.name);
  described.perplexity =
      evaluate_text(model, source, request_.text, progress.part(text_work())).result.perplexity;
  return described;
}

std::optional<AuditedModel> AuditSession::finished(const std::string& name,
                                                   const std::string& hash) const {
  const std::filesystem::path file = item_file("scores", name);
  if (!request_.resume || file.empty() || !std::filesystem::exists(file)) return std::nullopt;
  if (request_.study || !request_.text.texts.empty() || !chat_) return std::nullopt;
  AuditedModel model = described_by(read_score_header(file), name);
  if (model.hash != hash) return std::nullopt;
  ScoreWriter held(file, score_header(model), true);  // refuses other prompts, items or versions
  std::unordered_map<std::string_view, const ItemScore*> scores;
  for (const ItemScore& score : held.kept()) scores.emplace(score.id, &score);
  for (const ProbeItem& item : items_) {
    const auto found = scores.find(item.id);
    if (found == scores.end()) return std::nullopt;
    model.scores.push_back(*found->second);
  }
  return model;
}

Json AuditSession::score_header(const AuditedModel& model) const {
  Json sets(Json::Array{});
  for (const ProbeSource& set : sources_)
    sets.push_back(Json::object({{"name", set.name}, {"content_hash", set.content_hash}}));
  return Json::object({{"model_hash", model.hash},
                       {"weights", model.type},
                       {"bits", model.bits ? Json(*model.bits) : Json()},
                       {"bytes", model.bytes ? Json(*model.bytes) : Json()},
                       {"tokenizer", model.tokenizer},
                       {"probe_sets", std::move(sets)},
                       {"chat_format", to_string(*chat_)},
                       {"letters", request_.scoring.letters},
                       {"answers", request_.scoring.answers},
                       {"library_version", version()},
                       {"isa", kernels::active().name}});
}

std::filesystem::path AuditSession::item_file(const char* folder, const std::string& name) const {
  if (request_.output.empty()) return {};
  std::string file = name;
  std::replace(file.begin(), file.end(), '/', '_');
  return request_.output / folder / (file + ".jsonl");
}

void AuditSession::ask_as_in_the_study(const Checkpoint& source, const Model& model,
                                       const AuditedModel& described, ProgressMeter& progress) {
  if (!request_.study) return;
  if (!study_chat_) study_chat_ = detect_chat_format(source.tokenizer());
  const std::string stage = "sampling answers of " + described.name;
  progress.stage(stage);
  const std::size_t number = study_.size();
  study_.push_back(study_answers(model, Tokenizer(source.tokenizer()), study_items(items_),
                                 *study_chat_, request_.protocol, number,
                                 item_file("samples", described.name), score_header(described),
                                 progress.part(study_work(), stage)));
}

Json AuditSession::study_json(const AuditRun& run) const {
  if (!request_.study) return {};
  StudyInput input;
  input.protocol = request_.protocol;
  input.chat = *study_chat_;
  input.same_prompts = chat_ == study_chat_ && request_.scoring.letters;
  input.items = study_items(run.items);
  input.base = study_.front();
  for (std::size_t m = 1; m < study_.size(); ++m) input.quantized.push_back(study_[m]);
  return study_report(input, run.base, run.quantized, request_.audit.slices.level);
}

void AuditSession::score_items_of(const Checkpoint& source, const Model& model,
                                  AuditedModel& described, ProgressMeter& progress) {
  std::optional<ScoreWriter> writer;
  std::unordered_map<std::string, ItemScore> kept;
  if (!request_.output.empty()) {
    writer.emplace(item_file("scores", described.name), score_header(described), request_.resume);
    for (const ItemScore& score : writer->kept()) kept.emplace(score.id, score);
  }
  std::vector<ProbeItem> missing;
  for (const ProbeItem& item : items_)
    if (!kept.contains(item.id)) missing.push_back(item);
  const std::string stage = "scoring " + described.name;
  progress.stage(stage);
  progress.add(static_cast<double>(items_.size() - missing.size()));
  ScoringOptions options = request_.scoring;
  options.chat = *chat_;
  const Tokenizer tokenizer(source.tokenizer());
  const auto write = [&](const ItemScore& score) {
    if (writer) writer->append(score);
  };
  ScoringWork& work = described.work;
  if (!missing.empty()) work.probe_flops = kernels::fma_flops_per_second(kProbeSeconds);
  TreeCost cost;
  const auto begin = std::chrono::steady_clock::now();
  auto computed = score_items(model, tokenizer, missing, options, write,
                              progress.part(static_cast<double>(missing.size()), stage), &cost);
  work.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  work.items = missing.size();
  work.tokens = cost.tokens;
  work.floor_flops = flops(cost, model.config());
  // Before and after, because a machine's clock and neighbours change during a run.
  if (!missing.empty())
    work.probe_flops = std::max(work.probe_flops, kernels::fma_flops_per_second(kProbeSeconds));
  for (ItemScore& score : computed) kept.insert_or_assign(score.id, std::move(score));
  for (const ProbeItem& item : items_) described.scores.push_back(std::move(kept.at(item.id)));
}

std::vector<std::vector<GeneratedAnswers>> AuditSession::generate_answers(
    const AuditRun& run, ProgressMeter& progress) const {
  std::vector<std::vector<GeneratedAnswers>> out(run.quantized.size());
  if (request_.generations == 0) return out;
  progress.stage("free answers");
  std::vector<std::vector<const ProbeItem*>> wanted(run.quantized.size());
  std::vector<const ProbeItem*> together;
  for (std::size_t m = 0; m < out.size(); ++m) {
    const ModelAudit& model = run.result.models[m];
    const auto& compared = model.formats[model.leading].comparison.items;
    for (const std::size_t index : model.changed) {
      if (wanted[m].size() == request_.generations) break;
      if (compared[index].item->form != ItemForm::choice) continue;
      wanted[m].push_back(compared[index].item);
      if (std::find(together.begin(), together.end(), compared[index].item) == together.end())
        together.push_back(compared[index].item);
    }
  }
  const auto answers = [&](const AuditedModel& described, std::span<const ProbeItem* const> items) {
    return free_answers(described.path, items, request_.generated_tokens, progress);
  };
  if (holds_scores(run.base.path)) return out;
  const auto before = answers(run.base, together);
  for (std::size_t m = 0; m < out.size(); ++m) {
    if (holds_scores(run.quantized[m].path)) continue;
    const auto after = answers(run.quantized[m], wanted[m]);
    for (const ProbeItem* item : wanted[m])
      out[m].push_back({item->id, before.at(item->id), after.at(item->id)});
  }
  return out;
}

AuditRun AuditSession::finish(AuditedModel base, std::vector<AuditedModel> quantized,
                              ReportContext context, ProgressMeter& progress) {
  AuditRun run;
  run.items = std::move(items_);
  run.base = std::move(base);
  run.quantized = std::move(quantized);
  AuditOptions options = request_.audit;
  options.emergence.seed = options.slices.seed = request_.seed;
  options.available_items = available_;
  progress.stage("comparing");
  progress.add(0);
  run.result = audit(run.items, run.base, run.quantized, options);
  context.generations = generate_answers(run, progress);
  context.study_protocol = study_json(run);
  context.sets = sources_;
  context.isa = kernels::active().name;
  context.options = request_.options;
  context.prompt_format = describe_prompts(chat_.value_or(ChatFormat::none), request_.scoring);
  run.report = audit_report(run.result, run.items, run.base, run.quantized, options, context);
  if (!request_.output.empty()) write_audit_folder(request_.output, run.items, run.report);
  return run;
}

std::vector<std::string> short_names(const std::vector<std::filesystem::path>& paths) {
  const auto tail = [](const std::filesystem::path& path, std::size_t parts) {
    std::vector<std::string> names;
    for (const auto& part : path.lexically_normal())
      if (!part.empty() && part != "/") names.push_back(part.string());
    const std::size_t begin = names.size() > parts ? names.size() - parts : 0;
    std::string out;
    for (std::size_t i = begin; i < names.size(); ++i) out += (i > begin ? "/" : "") + names[i];
    return out;
  };
  std::set<std::filesystem::path> files;
  for (const auto& path : paths) files.insert(path.lexically_normal());
  for (std::size_t parts = 1;; ++parts) {
    std::vector<std::string> names;
    std::map<std::string, std::size_t> uses;
    bool longer = false;
    for (const auto& path : paths) {
      names.push_back(tail(path, parts));
      ++uses[names.back()];
      longer |= names.back() != tail(path, parts + 1);
    }
    if (uses.size() < files.size() && longer) continue;
    // The same file twice: numbered.
    std::map<std::string, std::size_t> number;
    for (std::string& name : names)
      if (uses[name] > 1) name += fmt::format(" ({})", ++number[name]);
    return names;
  }
}

}  // namespace libquant
