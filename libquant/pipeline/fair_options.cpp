#include "libquant/pipeline/fair_options.h"

#include <vector>

#include "libquant/core/error.h"

namespace libquant {
namespace {

std::size_t count_of(const Json& value, std::string_view key) {
  const std::int64_t count = value.as_int(key);
  require<FormatError>(count >= 0, "{} is {}, expected a count", key, count);
  return static_cast<std::size_t>(count);
}

template <typename Read>
auto list_of(const Json& value, std::string_view key, Read read) {
  std::vector<decltype(read(value))> list;
  for (const Json& entry : value.as_array(key)) list.push_back(read(entry));
  return list;
}

void read_search_member(std::string_view key, const Json& value, SearchOptions& s) {
  const auto number = [key](const Json& entry) { return entry.as_double(key); };
  if (key == "trials") {
    s.trials = count_of(value, key);
  } else if (key == "items") {
    s.items = count_of(value, key);
  } else if (key == "text_windows") {
    s.text_windows = count_of(value, key);
  } else if (key == "kl_weight") {
    s.kl_weight = number(value);
  } else if (key == "shift_weight") {
    s.shift_weight = number(value);
  } else if (key == "abstention_weight") {
    s.abstention_weight = number(value);
  } else if (key == "strengths") {
    s.strengths = list_of(value, key, number);
  } else if (key == "scopes") {
    s.scopes = list_of(value, key,
                       [key](const Json& entry) { return term_scope_from(entry.as_string(key)); });
  } else if (key == "clip_norms") {
    s.clip_norms = list_of(value, key, number);
  } else {
    fail<FormatError>("unknown key \"search.{}\"", key);
  }
}

void read_member(std::string_view key, const Json& value, FairnessOptions& o) {
  if (key == "probes") {
    o.probes.clear();
    for (const Json& path : value.as_array(key)) o.probes.emplace_back(path.as_string(key));
  } else if (key == "strength") {
    o.strength = value.as_double(key);
  } else if (key == "keep") {
    o.keep = value.as_double(key);
  } else if (key == "statistic") {
    o.statistic = probe_statistic_from(value.as_string(key));
  } else if (key == "control") {
    o.control = probe_control_from(value.as_string(key));
  } else if (key == "mode") {
    o.mode = fairness_mode_from(value.as_string(key));
  } else if (key == "answers") {
    o.answers = value.as_bool(key);
  } else if (key == "letters") {
    o.letters = value.as_bool(key);
  } else if (key == "sentences") {
    o.sentences = value.as_bool(key);
  } else if (key == "items") {
    o.items = count_of(value, key);
  } else if (key == "seed") {
    o.seed = count_of(value, key);
  } else if (key == "layers") {
    o.layers = value.as_string(key);
  } else if (key == "statistics") {
    o.statistics = value.as_string(key);
  } else if (key == "search") {
    for (const auto& [name, member] : value.as_object(key))
      read_search_member(name, member, o.search);
  } else {
    fail<FormatError>("unknown key \"{}\"", key);
  }
}

}  // namespace

FairnessOptions fairness_options_from_json(const Json& json, std::string_view source) {
  FairnessOptions options;
  try {
    for (const auto& [key, value] : json.as_object("the document"))
      read_member(key, value, options);
  } catch (const Error& error) {
    fail<FormatError>("{}: {}", source, error.what());
  }
  return options;
}

Json to_json(const SearchOptions& s) {
  Json::Array scopes;
  for (const TermScope scope : s.scopes) scopes.emplace_back(to_string(scope));
  return Json::object({{"trials", s.trials},
                       {"items", s.items},
                       {"text_windows", s.text_windows},
                       {"kl_weight", s.kl_weight},
                       {"shift_weight", s.shift_weight},
                       {"abstention_weight", s.abstention_weight},
                       {"strengths", Json::Array(s.strengths.begin(), s.strengths.end())},
                       {"scopes", std::move(scopes)},
                       {"clip_norms", Json::Array(s.clip_norms.begin(), s.clip_norms.end())}});
}

Json to_json(const FairnessOptions& o) {
  Json::Array probes;
  for (const auto& path : o.probes) probes.emplace_back(path.string());
  return Json::object({{"probes", std::move(probes)},
                       {"strength", o.strength},
                       {"keep", o.keep},
                       {"statistic", to_string(o.statistic)},
                       {"control", to_string(o.control)},
                       {"mode", to_string(o.mode)},
                       {"answers", o.answers},
                       {"letters", o.letters},
                       {"sentences", o.sentences},
                       {"items", o.items},
                       {"seed", static_cast<std::int64_t>(o.seed)},
                       {"layers", o.layers},
                       {"statistics", o.statistics.string()},
                       {"search", to_json(o.search)}});
}

}  // namespace libquant
