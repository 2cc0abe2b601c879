#include "libquant/pipeline/search_report.h"

#include "libquant/core/error.h"
#include "libquant/pipeline/fair_report.h"

namespace libquant {
namespace {

std::size_t size_at(const Json& json, std::string_view key) {
  const std::int64_t value = json.at(key).as_int(key);
  require<FormatError>(value >= 0, "{} is {}, expected a count", key, value);
  return static_cast<std::size_t>(value);
}
double number_at(const Json& json, std::string_view key) { return json.at(key).as_double(key); }

}  // namespace

Json to_json(const TrialReport& r) {
  return Json::object({{"strength", r.settings.strength},
                       {"scope", to_string(r.settings.scope)},
                       {"clip_norm", r.settings.clip_norm},
                       {"clip_weighted", r.settings.clip_weighted},
                       {"neutral", r.loss.neutral},
                       {"kl", r.loss.kl},
                       {"stereotype_shift", r.loss.stereotype_shift},
                       {"unknown_shift", r.loss.unknown_shift},
                       {"items", r.loss.items},
                       {"loss", r.total},
                       {"seconds", r.seconds}});
}

TrialReport trial_report_from_json(const Json& json) {
  TrialReport r;
  r.settings.strength = number_at(json, "strength");
  r.settings.scope = term_scope_from(json.at("scope").as_string("scope"));
  r.settings.clip_norm = number_at(json, "clip_norm");
  r.settings.clip_weighted = json.at("clip_weighted").as_bool("clip_weighted");
  r.loss.neutral = number_at(json, "neutral");
  r.loss.kl = number_at(json, "kl");
  r.loss.stereotype_shift = number_at(json, "stereotype_shift");
  r.loss.unknown_shift = number_at(json, "unknown_shift");
  r.loss.items = size_at(json, "items");
  r.total = number_at(json, "loss");
  r.seconds = number_at(json, "seconds");
  return r;
}

Json to_json(const SearchReport& r) {
  Json::Array trials;
  for (const TrialReport& trial : r.trials) trials.push_back(to_json(trial));
  return Json::object({{"fingerprint", r.fingerprint},
                       {"budget", r.budget},
                       {"items", r.items},
                       {"text_tokens", r.text_tokens},
                       {"kl_weight", r.weights.kl},
                       {"shift_weight", r.weights.shift},
                       {"abstention_weight", r.weights.abstention},
                       {"original_loss", r.original_loss},
                       {"trials", std::move(trials)},
                       {"chosen", r.chosen},
                       {"templates", template_hashes_to_json(r.templates)}});
}

SearchReport search_report_from_json(const Json& json) {
  SearchReport r;
  r.fingerprint = json.at("fingerprint").as_string("fingerprint");
  r.budget = size_at(json, "budget");
  r.items = size_at(json, "items");
  r.text_tokens = size_at(json, "text_tokens");
  r.weights = {number_at(json, "kl_weight"), number_at(json, "shift_weight"),
               number_at(json, "abstention_weight")};
  r.original_loss = number_at(json, "original_loss");
  for (const Json& trial : json.at("trials").as_array("trials"))
    r.trials.push_back(trial_report_from_json(trial));
  r.chosen = size_at(json, "chosen");
  require<FormatError>(r.chosen < r.trials.size(), "chosen is trial {} of {}", r.chosen,
                       r.trials.size());
  r.templates = template_hashes_from_json(json.at("templates"));
  return r;
}

}  // namespace libquant
