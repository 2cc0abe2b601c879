#include "libquant/scoring/load_probes.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <unordered_set>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/core/rng.h"
#include "libquant/io/mapped_file.h"
#include "libquant/scoring/probes/loaders.h"

namespace libquant {
namespace {

struct Loader {
  ProbeFormat format;
  std::string_view name;
  void (*load)(const std::filesystem::path&, ProbeSet&);
};

void load_stereoset(const std::filesystem::path& path, ProbeSet& set) {
  (path.extension() == ".json" ? probes::load_stereoset_json : probes::load_stereoset_csv)(path,
                                                                                           set);
}

constexpr std::array<Loader, 9> kLoaders{
    {{ProbeFormat::bbq, "bbq", probes::load_bbq},
     {ProbeFormat::stereoset, "stereoset", load_stereoset},
     {ProbeFormat::crows_pairs, "crows_pairs", probes::load_crows_pairs},
     {ProbeFormat::winobias, "winobias", probes::load_winobias},
     {ProbeFormat::winogender, "winogender", probes::load_winogender},
     {ProbeFormat::discrim_eval_gen, "discrim_eval_gen", probes::load_discrim_eval_gen},
     {ProbeFormat::pairs, "pairs", probes::load_pairs},
     {ProbeFormat::choices, "choices", probes::load_choices},
     {ProbeFormat::zero_shot, "zero_shot", probes::load_zero_shot}}};

ProbeFormat detect_json_lines(const std::filesystem::path& path) {
  const auto rows = probes::read_json_lines(path);
  require<FormatError>(!rows.empty(), "{}: the file holds no items", path.string());
  const Json& row = rows.front().second;
  if (row.find("answer_info") != nullptr) return ProbeFormat::bbq;
  if (row.find("stereotype") != nullptr && row.find("anti") != nullptr) return ProbeFormat::pairs;
  if (row.find("options") != nullptr) return ProbeFormat::choices;
  return ProbeFormat::zero_shot;
}

ProbeFormat detect(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".jsonl") return detect_json_lines(path);
  if (extension == ".json") return ProbeFormat::stereoset;
  if (extension == ".txt") return ProbeFormat::winobias;
  if (extension == ".tsv") return ProbeFormat::winogender;
  if (extension == ".csv") {
    const CsvTable table = read_csv(path);
    if (table.has_column("sent_more")) return ProbeFormat::crows_pairs;
    if (table.has_column("Stereotype Sentence")) return ProbeFormat::stereoset;
    if (table.has_column("decision_question_id")) return ProbeFormat::discrim_eval_gen;
    fail<FormatError>("{}: the columns ({}) are of no probe set that libquant knows", path.string(),
                      fmt::join(table.header, ", "));
  }
  fail<FormatError>("{}: the ending \"{}\" tells no probe format; name it", path.string(),
                    extension);
}

void check_items(const ProbeSet& set) {
  std::unordered_set<std::string_view> ids;
  for (const ProbeItem& item : set.items) {
    require<FormatError>(ids.insert(item.id).second, "{}: item {} appears twice", set.path,
                         item.id);
    for (const ProbeOption& option : item.options) {
      require<FormatError>(!option.text.empty(), "{}: item {} has an empty option", set.path,
                           item.id);
    }
  }
  require<FormatError>(!set.items.empty(), "{}: no item could be read ({} skipped)", set.path,
                       set.skipped);
}

}  // namespace

std::string_view to_string(ProbeFormat format) noexcept {
  for (const Loader& loader : kLoaders) {
    if (loader.format == format) return loader.name;
  }
  return "automatic";
}

ProbeFormat probe_format_from(std::string_view name) {
  if (name == "automatic") return ProbeFormat::automatic;
  std::vector<std::string_view> names{"automatic"};
  for (const Loader& loader : kLoaders) {
    if (loader.name == name) return loader.format;
    names.push_back(loader.name);
  }
  fail<InvalidArgument>("unknown probe format \"{}\"; known: {}", name, fmt::join(names, ", "));
}

ProbeSet load_probes(const std::filesystem::path& path, ProbeFormat format) {
  if (format == ProbeFormat::automatic) format = detect(path);
  ProbeSet set;
  set.name = path.stem().string();
  set.path = path.string();
  set.licence = "unknown";
  set.content_hash = hash_hex(MappedFile(path).bytes());
  for (const Loader& loader : kLoaders) {
    if (loader.format == format) loader.load(path, set);
  }
  check_items(set);
  return set;
}

std::vector<ProbeItem> sample_items(std::span<const ProbeItem> items, std::size_t count,
                                    std::uint64_t seed) {
  if (count == 0 || count >= items.size()) return {items.begin(), items.end()};
  using Stratum = std::tuple<std::string_view, std::string_view, Condition, std::string_view>;
  std::map<Stratum, std::vector<std::size_t>> strata;
  for (std::size_t i = 0; i < items.size(); ++i) {
    strata[{items[i].set, items[i].category, items[i].condition, items[i].polarity}].push_back(i);
  }
  // Cumulative rounding gives each stratum its share, and all of them exactly `count`.
  Rng rng(seed);
  std::vector<std::size_t> chosen;
  std::size_t before = 0;
  for (auto& [key, members] : strata) {
    const std::size_t begin = before * count / items.size();
    before += members.size();
    const std::size_t take = before * count / items.size() - begin;
    for (std::size_t k = 0; k < take; ++k) {  // Fisher-Yates, as far as needed
      std::swap(members[k], members[k + rng.below(members.size() - k)]);
      chosen.push_back(members[k]);
    }
  }
  std::sort(chosen.begin(), chosen.end());
  std::vector<ProbeItem> out;
  for (const std::size_t i : chosen) out.push_back(items[i]);
  return out;
}

}  // namespace libquant
