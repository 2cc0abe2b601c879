#include "libquant/pipeline/fair_options.h"

#include "libquant/core/error.h"

namespace libquant {
namespace {

std::size_t count_of(const Json& value, std::string_view key) {
  const std::int64_t count = value.as_int(key);
  require<FormatError>(count >= 0, "{} is {}, expected a count", key, count);
  return static_cast<std::size_t>(count);
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
                       {"statistics", o.statistics.string()}});
}

}  // namespace libquant
