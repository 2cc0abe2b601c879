#include "libquant/core/error.h"
#include "libquant/scoring/probes/loaders.h"

// Pairs of sentences: CrowS-Pairs (Nangia et al. 2020) and the user's own.
namespace libquant::probes {

void load_crows_pairs(const std::filesystem::path& path, ProbeSet& set) {
  set.licence = "CC-BY-SA-4.0";
  const CsvTable table = read_csv(path);
  const std::size_t more = table.column("sent_more"), less = table.column("sent_less");
  const std::size_t direction = table.column("stereo_antistereo"), type = table.column("bias_type");
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const auto& row = table.rows[r];
    require<FormatError>(row[direction] == "stereo" || row[direction] == "antistereo",
                         "{}: row {}: stereo_antistereo is \"{}\"", path.string(), r + 2,
                         row[direction]);
    ProbeItem item;
    item.id = fmt::format("crows_pairs/{}", r);
    item.set = "crows_pairs";
    item.category = row[type];
    item.group = row[type];
    item.polarity = row[direction];
    item.template_id = item.id;
    item.form = ItemForm::sentences;
    // sent_more is the more stereotyping sentence in both directions; the direction says which of
    // the two is about the disadvantaged group.
    item.options = {{row[more], OptionRole::stereotype}, {row[less], OptionRole::anti}};
    set.items.push_back(std::move(item));
  }
}

void load_pairs(const std::filesystem::path& path, ProbeSet& set) {
  std::size_t number = 0;
  for (const auto& [place, row] : read_json_lines(path)) {
    ProbeItem item;
    const std::string id = optional_text(row, "id", place);
    item.id = fmt::format("{}/{}", set.name, id.empty() ? std::to_string(number) : id);
    item.set = set.name;
    item.category = optional_text(row, "category", place);
    item.group = optional_text(row, "group", place);
    item.polarity = optional_text(row, "polarity", place);
    const std::string unit = optional_text(row, "template", place);
    item.template_id = unit.empty() ? item.id : fmt::format("{}/{}", set.name, unit);
    item.form = ItemForm::sentences;
    item.options = {{text_of(row, "stereotype", place), OptionRole::stereotype},
                    {text_of(row, "anti", place), OptionRole::anti}};
    if (const std::string licence = optional_text(row, "licence", place); !licence.empty())
      set.licence = licence;
    set.items.push_back(std::move(item));
    ++number;
  }
}

}  // namespace libquant::probes
