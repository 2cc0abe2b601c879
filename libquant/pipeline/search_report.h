#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "libquant/audit/probe_loss.h"
#include "libquant/fairness/options.h"
#include "libquant/io/json.h"

namespace libquant {

/// What a search of settings varies.
struct TrialSettings {
  double strength = 1;
  TermScope scope = TermScope::all;
  double clip_norm = 2;
  bool clip_weighted = true;

  friend bool operator==(const TrialSettings&, const TrialSettings&) = default;
};

/// One model that was made to be judged.
struct TrialReport {
  TrialSettings settings;
  ProbeLoss loss;
  double total = 0;    ///< L of docs/fairness.md
  double seconds = 0;  ///< of the call that finished it
};

/// A search of settings; `trials[chosen]` is what was written.
struct SearchReport {
  std::string fingerprint;  ///< of everything that decides its course
  std::size_t budget = 0;
  std::size_t items = 0;        ///< of the select split
  std::size_t text_tokens = 0;  ///< of neutral text
  ProbeLossWeights weights;
  double original_loss = 0;  ///< negative log-likelihood of the neutral text, nats per token
  std::vector<TrialReport> trials;
  std::size_t chosen = 0;
  std::vector<std::uint64_t> templates;  ///< template_hashes() of the items
};

Json to_json(const TrialReport& report);
TrialReport trial_report_from_json(const Json& json);
Json to_json(const SearchReport& report);
/// FormatError naming the key when one is missing or has another type.
SearchReport search_report_from_json(const Json& json);

}  // namespace libquant
