#include "libquant/pipeline/audit_samples.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

#include "libquant/core/error.h"
#include "libquant/io/atomic_file.h"

namespace libquant {
namespace {

struct Part {
  std::string_view name;
  std::vector<SampledItem> StudyAnswers::*member;
  AnswerStream stream;
};
constexpr std::array<Part, 3> kParts{
    {{"common", &StudyAnswers::common, {Noise::common, 0}},
     {"independent", &StudyAnswers::independent, {Noise::independent, 1}},
     {"repeated", &StudyAnswers::repeated, {Noise::independent, 2}}}};

Json full_header(const Json& header, const StudyProtocol& protocol, ChatFormat chat,
                 std::size_t items) {
  Json out = header;
  Json seeds(Json::Array{});
  for (const std::uint64_t seed : protocol.seeds) seeds.push_back(seed);
  out.set("chat_format", to_string(chat));
  out.set("temperature", protocol.temperature);
  out.set("max_tokens", protocol.max_tokens);
  out.set("seeds", std::move(seeds));
  out.set("items", items);
  return out;
}

Json line_of(const Part& part, const SampledItem& item) {
  Json texts(Json::Array{}), choices(Json::Array{});
  for (const std::string& text : item.texts) texts.push_back(text);
  for (const int choice : item.choices) choices.push_back(choice);
  return Json::object({{"id", item.id},
                       {"noise", part.name},
                       {"texts", std::move(texts)},
                       {"choices", std::move(choices)}});
}

void write_answers(const StudyAnswers& answers, const std::filesystem::path& file,
                   const Json& header) {
  AtomicFile out(file);
  out.write(Json::object({{"header", header}}).dump() + "\n");
  for (const Part& part : kParts)
    for (const SampledItem& item : answers.*part.member)
      out.write(line_of(part, item).dump() + "\n");
  out.commit();
}

SampledItem item_from(const Json& line) {
  SampledItem item{line.at("id").as_string("id"), {}, {}};
  for (const Json& text : line.at("texts").as_array("texts"))
    item.texts.push_back(text.as_string("texts"));
  for (const Json& choice : line.at("choices").as_array("choices"))
    item.choices.push_back(static_cast<int>(choice.as_int("choices")));
  return item;
}

// Nothing unless the file is of the same model, items and protocol; a file is written in one piece.
std::optional<StudyAnswers> read_answers(const std::filesystem::path& file, const Json& header) {
  std::ifstream in(file);
  std::string text;
  if (!in || !std::getline(in, text)) return std::nullopt;
  const Json first = Json::parse(text, file.string());
  if (const Json* held = first.find("header"); held == nullptr || !(*held == header))
    return std::nullopt;
  StudyAnswers answers;
  while (std::getline(in, text)) {
    const Json line = Json::parse(text, file.string());
    for (const Part& part : kParts)
      if (line.at("noise").as_string("noise") == part.name)
        (answers.*part.member).push_back(item_from(line));
  }
  return answers;
}

bool fits(const std::vector<SampledItem>& answers, std::span<const ProbeItem* const> items) {
  return std::equal(
      answers.begin(), answers.end(), items.begin(), items.end(),
      [](const SampledItem& answer, const ProbeItem* item) { return answer.id == item->id; });
}

}  // namespace

std::vector<const ProbeItem*> study_items(std::span<const ProbeItem> items) {
  std::vector<const ProbeItem*> out;
  for (const ProbeItem& item : items) {
    const auto has = [&](OptionRole role) {
      return std::any_of(item.options.begin(), item.options.end(),
                         [&](const ProbeOption& option) { return option.role == role; });
    };
    if (item.condition == Condition::ambiguous && has(OptionRole::stereotype) &&
        has(OptionRole::anti) && has(OptionRole::unknown))
      out.push_back(&item);
  }
  return out;
}

StudyAnswers study_answers(const Model& model, const Tokenizer& tokenizer,
                           std::span<const ProbeItem* const> items, ChatFormat chat,
                           const StudyProtocol& protocol, std::size_t number,
                           const std::filesystem::path& file, const Json& header,
                           const ProgressCallback& progress) {
  // A stream that two models shared would be common noise.
  const std::uint64_t stream = number == 0 ? 1 : 2 + number;
  Json full = full_header(header, protocol, chat, items.size());
  full.set("stream", stream);
  if (!file.empty()) {
    auto kept = read_answers(file, full);
    if (kept && fits(kept->common, items) && fits(kept->independent, items)) return *kept;
  }
  std::vector<AnswerStream> streams;
  for (const Part& part : kParts) {
    if (number > 0 && part.name == "repeated") continue;
    streams.push_back(part.stream);
    if (part.name == "independent") streams.back().stream = stream;
  }
  auto sampled = sample_answers(model, tokenizer, items, chat, protocol, streams, progress);
  StudyAnswers answers;
  for (std::size_t s = 0; s < streams.size(); ++s)
    answers.*kParts[s].member = std::move(sampled[s]);
  if (!file.empty()) write_answers(answers, file, full);
  return answers;
}

}  // namespace libquant
