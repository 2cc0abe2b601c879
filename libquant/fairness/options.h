#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace libquant {

/// Which second moments H_D stand beside H in S = H + alpha H_D + lambda I.
enum class ProbeStatistic : std::uint8_t {
  sensitivity,     ///< sum |dL/dy_t|^2 x_t x_t^T, L the one-draw Fisher of the option distributions
  second_moments,  ///< plain x_t x_t^T of the probes' text (control)
  pair_differences,  ///< of aligned tokens of stereotype and anti-stereotype sentences (control)
  neutral,           ///< the sensitivity of next-token losses on the calibration text (control)
};
std::string_view to_string(ProbeStatistic statistic) noexcept;
ProbeStatistic probe_statistic_from(std::string_view name);

/// What is made meaningless about the probes, to tell what their meaning is worth.
enum class ProbeControl : std::uint8_t {
  none,
  shuffle_options,  ///< every item gets another item's options
  shuffle_pairs,    ///< every sentence is paired with another item's
};
std::string_view to_string(ProbeControl control) noexcept;
ProbeControl probe_control_from(std::string_view name);

/// How pairs are read, and how H_D enters.
enum class FairnessMode : std::uint8_t {
  quadratic,            ///< this library's: target and metric of docs/fairness.md
  fair_gptq_2509_15206  ///< the published update of arXiv 2509.15206, for comparison
};
std::string_view to_string(FairnessMode mode) noexcept;
FairnessMode fairness_mode_from(std::string_view name);

/// Which matrices get the fairness term.
enum class TermScope : std::uint8_t { all, attention, mlp, first_half, second_half };
std::string_view to_string(TermScope scope) noexcept;
TermScope term_scope_from(std::string_view name);

/// Choice of settings by forward passes: a coordinate search over the strength of the term, the
/// matrices that get it, and the clip search. Each trial quantizes the model and is judged on the
/// `select` split and on text that calibration did not take, by
///
///     L = neutral + kl_weight * KL + shift_weight * max(0, shift to the stereotype)^2
///                 + abstention_weight * max(0, loss of abstention)^2
///
/// (libquant/audit/probe_loss.h). The trial with the least L is what gets written; of equals the
/// first. docs/fairness.md says how the weights were chosen and what a search is worth.
struct SearchOptions {
  std::size_t trials = 0;         ///< budget, the settings as given among them; 0: no search
  std::size_t items = 96;         ///< of the select split, evenly over sets and templates; 0 = all
  std::size_t text_windows = 64;  ///< of 128 tokens each, between those of the calibration
  double kl_weight = 5, shift_weight = 20, abstention_weight = 5;
  /// What is tried; the settings as given come first. Empty: not searched. Scopes are not searched
  /// where FairnessOptions::layers names the layers.
  std::vector<double> strengths{0.25, 4, 0};
  std::vector<TermScope> scopes{TermScope::mlp, TermScope::attention, TermScope::second_half,
                                TermScope::first_half};
  std::vector<double> clip_norms{2, 2.4};  ///< each weighted and not; empty: as given
};

/// The fairness term of a quantization. Off without probes.
struct FairnessOptions {
  /// Files of probe sets in any form of docs/probe_sets.md. Only items of the `calibrate` split are
  /// used here; see splits.h.
  std::vector<std::filesystem::path> probes;
  /// alpha relative to the layer: alpha = strength * tr(H) / tr(H_D). 0 gives the bytes
  /// of the plain method, and a report of what that costs on the probes.
  double strength = 1;
  /// gamma: 1 preserves the original's answers, 0 erases what H_D measures (only meaningful for
  /// pair_differences), between is between.
  double keep = 1;
  ProbeStatistic statistic = ProbeStatistic::sensitivity;
  ProbeControl control = ProbeControl::none;
  FairnessMode mode = FairnessMode::quadratic;
  bool answers = true;  ///< full answers, mean log-likelihood per token
  bool letters = false;
  bool sentences = true;    ///< pairs of sentences, mean log-likelihood per token
  std::size_t items = 480;  ///< of the split, evenly over sets and templates; 0 = all
  std::uint64_t seed = 1;   ///< of the sample, the signs and the controls
  std::string layers;       ///< pattern (PCRE2) of the layers that get the term; empty = all
  std::filesystem::path statistics;  ///< folder that keeps H_D for later runs; empty = work folder
  SearchOptions search;

  bool enabled() const noexcept { return !probes.empty() || statistic == ProbeStatistic::neutral; }
};

/// Throws InvalidArgument naming the option that is out of range or contradicts another.
void check_fairness(const FairnessOptions& options);

}  // namespace libquant
