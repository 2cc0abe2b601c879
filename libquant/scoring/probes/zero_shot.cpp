#include <array>
#include <cstdint>

#include "libquant/core/error.h"
#include "libquant/scoring/probes/loaders.h"

// Zero-shot sets as lm-evaluation-harness reads and prompts them. The kind is told by the keys.
namespace libquant::probes {
namespace {

struct Row {
  const Json& json;
  const std::string& place;

  const std::string& text(std::string_view key) const { return text_of(json, key, place); }
  std::int64_t number(std::string_view key) const {
    const Json& value = json.at(key);
    if (value.is_string()) {  // HellaSwag writes its label as text
      const std::string& digits = value.as_string(key);
      require<FormatError>(digits.size() == 1 && digits[0] >= '0' && digits[0] <= '9',
                           "{}: {} is \"{}\"", place, key, digits);
      return digits[0] - '0';
    }
    return value.is_bool() ? (value.as_bool(key) ? 1 : 0) : value.as_int(key);
  }
};

void add_texts(const Json& list, std::string_view what, ProbeItem& item) {
  for (const Json& text : list.as_array(what))
    item.options.push_back({text.as_string(what), OptionRole::none});
}

void piqa(const Row& row, ProbeItem& item) {
  item.prompt = fmt::format("Question: {}\nAnswer:", row.text("goal"));
  item.options = {{row.text("sol1"), OptionRole::none}, {row.text("sol2"), OptionRole::none}};
  item.correct = static_cast<int>(row.number("label"));
}

void boolq(const Row& row, ProbeItem& item) {
  item.prompt =
      fmt::format("{}\nQuestion: {}?\nAnswer:", row.text("passage"), row.text("question"));
  item.options = {{"no", OptionRole::none}, {"yes", OptionRole::none}};
  item.correct =
      static_cast<int>(row.number(row.json.find("label") != nullptr ? "label" : "answer"));
}

void hellaswag(const Row& row, ProbeItem& item) {
  item.prompt = fmt::format("{}: {}", row.text("activity_label"), row.text("ctx"));
  add_texts(row.json.at("endings"), "endings", item);
  item.correct = static_cast<int>(row.number("label"));
}

// ARC and OpenBookQA share the form of their choices.
void lettered(const Row& row, ProbeItem& item) {
  const bool open_book = row.json.find("question_stem") != nullptr;
  item.prompt = open_book ? row.text("question_stem")
                          : fmt::format("Question: {}\nAnswer:", row.text("question"));
  const Json& choices = row.json.at("choices");
  add_texts(choices.at("text"), "choices.text", item);
  const auto& labels = choices.at("label").as_array("choices.label");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].as_string("choices.label") == row.text("answerKey"))
      item.correct = static_cast<int>(i);
  }
}

void truthful_qa(const Row& row, ProbeItem& item) {
  item.prompt = fmt::format("Q: {}\nA:", row.text("question"));
  const Json& targets = row.json.at("mc1_targets");
  add_texts(targets.at("choices"), "mc1_targets.choices", item);
  const auto& labels = targets.at("labels").as_array("mc1_targets.labels");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].as_int("mc1_targets.labels") == 1) item.correct = static_cast<int>(i);
  }
}

struct Kind {
  std::string_view name, key;
  void (*read)(const Row&, ProbeItem&);
};
constexpr std::array<Kind, 6> kKinds{{{"piqa", "sol1", piqa},
                                      {"boolq", "passage", boolq},
                                      {"hellaswag", "endings", hellaswag},
                                      {"openbookqa", "question_stem", lettered},
                                      {"arc", "answerKey", lettered},
                                      {"truthfulqa_mc1", "mc1_targets", truthful_qa}}};

}  // namespace

void load_zero_shot(const std::filesystem::path& path, ProbeSet& set) {
  for (const auto& [place, json] : read_json_lines(path)) {
    const Kind* kind = nullptr;
    for (const Kind& candidate : kKinds) {
      if (kind == nullptr && json.find(candidate.key) != nullptr) kind = &candidate;
    }
    require<FormatError>(kind != nullptr,
                         "{}: the keys are of no zero-shot set that libquant knows", place);
    ProbeItem item;
    item.set = kind->name;
    item.id = fmt::format("{}/{}/{}", kind->name, set.name, set.items.size());
    item.category = kind->name;
    item.template_id = item.id;
    kind->read({json, place}, item);
    require<FormatError>(item.correct >= 0 && item.correct < static_cast<int>(item.options.size()),
                         "{}: no right answer among {} options", place, item.options.size());
    set.items.push_back(std::move(item));
  }
}

}  // namespace libquant::probes
