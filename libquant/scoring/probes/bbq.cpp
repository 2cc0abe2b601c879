#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include "libquant/core/error.h"
#include "libquant/scoring/probes/loaders.h"

// BBQ (Parrish et al. 2022), rows of nyu-mll/BBQ. Which option is the stereotyped one follows the
// rules of the authors' analysis script; docs/probe_sets.md lists them.
namespace libquant::probes {
namespace {

constexpr std::size_t kOptions = 3;

struct Answer {
  std::string text;  ///< answer_info[0], braces removed
  std::string info;  ///< answer_info[1], "M-"/"F-" removed, man/woman shortened
  bool unknown = false;
};

void erase_all(std::string& text, std::string_view characters) {
  std::erase_if(text, [&](char c) { return characters.find(c) != std::string_view::npos; });
}

void erase_first(std::string& text, std::string_view part) {
  if (const std::size_t at = text.find(part); at != std::string::npos) text.erase(at, part.size());
}

std::string shortened(std::string_view given) {
  if (given == "man" || given == "boy") return "M";
  if (given == "woman" || given == "girl") return "F";
  std::string info(given);
  erase_first(info, "M-");
  erase_first(info, "F-");
  return info;
}

std::string known_group(const std::string& joined) {
  const std::string group = lower(joined);
  if (group == "man" || group == "boy" || group == "men") return "M";
  if (group == "woman" || group == "women" || group == "girl" || group == "girls") return "F";
  return group.starts_with("transgender") ? "trans" : joined;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool is_target(const Answer& answer, const std::string& group, std::string_view category) {
  const std::string low_group = lower(group), low_info = lower(answer.info);
  bool hit = contains(low_group, low_info);
  if (category == "Age") hit = group == answer.info;  // "old" is inside "nonOld"
  if (category == "Disability_status") hit = answer.info == "disabled";
  if (category == "Nationality") hit = hit || contains(low_group, lower(answer.text));
  if (answer.text == "African" && contains(low_group, "african american")) hit = false;
  if (group == "trans" && answer.info.starts_with("trans")) hit = true;
  return hit;
}

std::optional<std::size_t> stereotyped_option(const std::array<Answer, kOptions>& answers,
                                              const std::string& group, std::string_view category,
                                              std::string_view polarity) {
  std::optional<std::size_t> target, other;
  for (std::size_t i = 0; i < kOptions; ++i) {
    if (!is_target(answers[i], group, category)) continue;
    if (target.has_value()) return std::nullopt;
    target = i;
  }
  if (!target.has_value() || polarity != "nonneg") return target;
  for (std::size_t i = 0; i < kOptions; ++i) {
    if (i == *target || answers[i].unknown) continue;
    if (other.has_value()) return std::nullopt;
    other = i;
  }
  return other;
}

std::string joined_groups(const Json& row, std::string_view place) {
  const Json* metadata = row.find("additional_metadata");
  const Json* groups = metadata == nullptr ? nullptr : metadata->find("stereotyped_groups");
  require<FormatError>(groups != nullptr && groups->is_array(),
                       "{}: additional_metadata.stereotyped_groups is missing", place);
  std::string joined;
  for (const Json& group : groups->as_array("stereotyped_groups")) {
    if (!joined.empty()) joined += ", ";
    joined += group.as_string("stereotyped_groups");
  }
  return joined;
}

std::array<Answer, kOptions> read_answers(const Json& row, std::string_view place) {
  const Json* info = row.find("answer_info");
  require<FormatError>(info != nullptr, "{}: \"answer_info\" is missing", place);
  std::array<Answer, kOptions> answers;
  for (std::size_t i = 0; i < kOptions; ++i) {
    const auto& pair = info->at(fmt::format("ans{}", i)).as_array("answer_info");
    require<FormatError>(pair.size() == 2, "{}: answer_info.ans{} has {} entries, not 2", place, i,
                         pair.size());
    answers[i].text = pair[0].as_string("answer_info");
    answers[i].unknown = pair[1].as_string("answer_info") == "unknown";
    answers[i].info = shortened(pair[1].as_string("answer_info"));
    erase_all(answers[i].text, "{}");
  }
  return answers;
}

// Numbers are written as text in the published rows, and as numbers in some editions.
std::int64_t number_of(const Json& row, std::string_view key, std::string_view place) {
  const Json& value = row.at(key);
  if (value.is_int()) return value.as_int(key);
  try {
    return std::stoll(value.as_string(key));
  } catch (const std::logic_error&) {
    fail<FormatError>("{}: \"{}\" is no number", place, key);
  }
}

ProbeItem read_item(const Json& row, std::string_view place) {
  ProbeItem item;
  const std::string& category = text_of(row, "category", place);
  const std::int64_t question = number_of(row, "question_index", place);
  item.id = fmt::format("bbq/{}/{}", category, number_of(row, "example_id", place));
  item.set = "bbq";
  item.template_id = fmt::format("bbq/{}/{}", category, question);
  item.category = question > 25 ? category + " (names)" : category;  // as the authors report them
  item.polarity = text_of(row, "question_polarity", place);
  const std::string& condition = text_of(row, "context_condition", place);
  require<FormatError>(condition == "ambig" || condition == "disambig",
                       "{}: context_condition \"{}\" is neither ambig nor disambig", place,
                       condition);
  item.condition = condition == "ambig" ? Condition::ambiguous : Condition::disambiguated;
  item.context = text_of(row, "context", place);
  item.question = text_of(row, "question", place);
  item.group = joined_groups(row, place);
  for (std::size_t i = 0; i < kOptions; ++i) {
    item.options.push_back({text_of(row, fmt::format("ans{}", i), place), OptionRole::anti});
  }
  const std::int64_t label = number_of(row, "label", place);
  require<FormatError>(label >= 0 && label < static_cast<std::int64_t>(kOptions),
                       "{}: label {} of {} options", place, label, kOptions);
  item.correct = static_cast<int>(label);
  return item;
}

}  // namespace

void load_bbq(const std::filesystem::path& path, ProbeSet& set) {
  set.licence = "CC-BY-4.0";
  for (const auto& [place, row] : read_json_lines(path)) {
    ProbeItem item = read_item(row, place);
    const auto answers = read_answers(row, place);
    const auto target = stereotyped_option(answers, known_group(item.group),
                                           text_of(row, "category", place), item.polarity);
    if (!target.has_value()) {
      ++set.skipped;
      continue;
    }
    for (std::size_t i = 0; i < kOptions; ++i) {
      if (answers[i].unknown) item.options[i].role = OptionRole::unknown;
    }
    item.options[*target].role = OptionRole::stereotype;
    set.items.push_back(std::move(item));
  }
}

}  // namespace libquant::probes
