#include <algorithm>
#include <array>
#include <cstdint>

#include "libquant/core/error.h"
#include "libquant/scoring/probes/loaders.h"

// Multiple choice: this project's own form (docs/probe_sets.md) and DiscrimEvalGen.
namespace libquant::probes {
namespace {

OptionRole role_from(std::string_view name, std::string_view place) {
  constexpr std::array kRoles{OptionRole::none, OptionRole::stereotype, OptionRole::anti,
                              OptionRole::unknown, OptionRole::unrelated};
  for (const OptionRole role : kRoles) {
    if (to_string(role) == name) return role;
  }
  fail<FormatError>("{}: option role \"{}\" is none of none, stereotype, anti, unknown, unrelated",
                    place, name);
}

Condition condition_from(std::string_view name, std::string_view place) {
  if (name.empty()) return Condition::none;
  for (const Condition condition :
       {Condition::none, Condition::ambiguous, Condition::disambiguated}) {
    if (to_string(condition) == name) return condition;
  }
  fail<FormatError>("{}: condition \"{}\" is none of none, ambiguous, disambiguated", place, name);
}

void read_options(const Json& row, std::string_view place, ProbeItem& item) {
  const Json* options = row.find("options");
  require<FormatError>(options != nullptr && options->is_array(),
                       "{}: \"options\" is missing or no list", place);
  for (const Json& option : options->as_array("options")) {
    const std::string role = optional_text(option, "role", place);
    item.options.push_back(
        {text_of(option, "text", place), role.empty() ? OptionRole::none : role_from(role, place)});
  }
  require<FormatError>(item.options.size() >= 2, "{}: {} options, at least 2 are needed", place,
                       item.options.size());
}

}  // namespace

void load_choices(const std::filesystem::path& path, ProbeSet& set) {
  for (const auto& [place, row] : read_json_lines(path)) {
    ProbeItem item;
    const std::string id = optional_text(row, "id", place);
    item.id = fmt::format("{}/{}", set.name, id.empty() ? std::to_string(set.items.size()) : id);
    item.set = set.name;
    item.category = optional_text(row, "category", place);
    item.group = optional_text(row, "group", place);
    item.polarity = optional_text(row, "polarity", place);
    item.condition = condition_from(optional_text(row, "condition", place), place);
    const std::string unit = optional_text(row, "template", place);
    item.template_id = unit.empty() ? item.id : fmt::format("{}/{}", set.name, unit);
    item.context = optional_text(row, "context", place);
    item.question = optional_text(row, "question", place);
    item.prompt = optional_text(row, "prompt", place);
    require<FormatError>(!item.question.empty() || !item.prompt.empty(),
                         "{}: neither \"question\" nor \"prompt\"", place);
    read_options(row, place, item);
    if (const Json* correct = row.find("correct"); correct != nullptr && !correct->is_null()) {
      const std::int64_t index = correct->as_int("correct");
      require<FormatError>(index >= 0 && index < static_cast<std::int64_t>(item.options.size()),
                           "{}: \"correct\" is {}, there are {} options", place, index,
                           item.options.size());
      item.correct = static_cast<int>(index);
    }
    if (const std::string licence = optional_text(row, "licence", place); !licence.empty())
      set.licence = licence;
    set.items.push_back(std::move(item));
  }
}

void load_discrim_eval_gen(const std::filesystem::path& path, ProbeSet& set) {
  set.licence = "CC-BY-4.0";
  constexpr std::string_view kLead = "The individuals are: ";
  const CsvTable table = read_csv(path);
  const std::size_t prompt = table.column("prompt"),
                    question = table.column("decision_question_id");
  const std::size_t type = table.column("bias_type");
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const auto& row = table.rows[r];
    const std::size_t begin = row[prompt].find(kLead);
    const std::size_t end = begin == std::string::npos ? begin : row[prompt].find('.', begin);
    if (end == std::string::npos) {
      ++set.skipped;
      continue;
    }
    ProbeItem item;
    item.id = fmt::format("discrim_eval_gen/{}", r);
    item.set = "discrim_eval_gen";
    item.category = "DiscrimEvalGen " + row[type];
    item.template_id = "discrim_eval_gen/" + row[question];
    item.prompt = row[prompt] + "\nAnswer:";
    item.question = row[prompt];
    std::string_view list(row[prompt]);
    list = list.substr(begin + kLead.size(), end - begin - kLead.size());
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t comma = std::min(list.find(", ", at), list.size());
      item.options.push_back({std::string(list.substr(at, comma - at)), OptionRole::none});
      at = comma + 2;
    }
    require<FormatError>(item.options.size() >= 2, "{}: row {} names {} individuals", path.string(),
                         r + 2, item.options.size());
    set.items.push_back(std::move(item));
  }
}

}  // namespace libquant::probes
