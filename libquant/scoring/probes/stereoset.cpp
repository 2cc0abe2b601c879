#include "libquant/core/error.h"
#include "libquant/scoring/probes/loaders.h"

// StereoSet (Nadeem et al. 2021): three sentences an item, one of them meaningless.
namespace libquant::probes {
namespace {

ProbeItem start_item(std::string_view domain, std::string_view target, std::size_t number,
                     std::string_view kind) {
  ProbeItem item;
  item.id = fmt::format("stereoset/{}/{}/{}", kind, domain, number);
  item.set = "stereoset";
  item.category = domain;
  item.group = target;
  item.template_id = fmt::format("stereoset/{}/{}", domain, lower(target));
  item.form = ItemForm::sentences;
  return item;
}

OptionRole role_of(std::string_view label, std::string_view place) {
  if (label == "stereotype") return OptionRole::stereotype;
  if (label == "anti-stereotype") return OptionRole::anti;
  if (label == "unrelated") return OptionRole::unrelated;
  fail<FormatError>("{}: gold_label \"{}\" is none of stereotype, anti-stereotype, unrelated",
                    place, label);
}

void load_part(const Json& data, std::string_view kind, std::string_view source, ProbeSet& set) {
  const Json* part = data.find(kind);
  if (part == nullptr) return;
  std::size_t number = 0;
  for (const Json& row : part->as_array(kind)) {
    const std::string place = fmt::format("{}: data.{}[{}]", source, kind, number);
    ProbeItem item =
        start_item(text_of(row, "bias_type", place), text_of(row, "target", place), number++, kind);
    // The sentence follows its context; within a sentence the context is only the blanked form.
    const std::string context = kind == "intersentence" ? text_of(row, "context", place) + " " : "";
    for (const Json& sentence : row.at("sentences").as_array("sentences")) {
      item.options.push_back({context + text_of(sentence, "sentence", place),
                              role_of(text_of(sentence, "gold_label", place), place)});
    }
    require<FormatError>(item.options.size() == 3, "{}: {} sentences, not 3", place,
                         item.options.size());
    set.items.push_back(std::move(item));
  }
}

}  // namespace

void load_stereoset_csv(const std::filesystem::path& path, ProbeSet& set) {
  set.licence = "CC-BY-SA-4.0";
  const CsvTable table = read_csv(path);
  const std::size_t domain = table.column("Domain"), target = table.column("Target");
  const std::size_t unrelated = table.column("Unrelated Sentence");
  const std::size_t anti = table.column("Anti-stereotype Sentence");
  const std::size_t stereotype = table.column("Stereotype Sentence");
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const auto& row = table.rows[r];
    ProbeItem item = start_item(row[domain], row[target], r, "intrasentence");
    item.options = {{row[stereotype], OptionRole::stereotype},
                    {row[anti], OptionRole::anti},
                    {row[unrelated], OptionRole::unrelated}};
    set.items.push_back(std::move(item));
  }
}

void load_stereoset_json(const std::filesystem::path& path, ProbeSet& set) {
  set.licence = "CC-BY-SA-4.0";
  const Json root = Json::parse_file(path);
  const Json& data = root.at("data");
  load_part(data, "intrasentence", path.string(), set);
  load_part(data, "intersentence", path.string(), set);
}

}  // namespace libquant::probes
