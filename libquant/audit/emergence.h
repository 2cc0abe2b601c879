#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace libquant {

/// "Bias emergence" of study 2605.15208: of the items that never gave the stereotyped answer in k
/// samples before quantization, the share that gives it at least once in k samples after. Sampling
/// alone produces some of it, so every form comes with its null, and the excess is what counts.
/// docs/audit.md derives the closed form.
struct EmergenceOptions {
  double temperature = 0.3;
  int samples = 5;
  std::size_t coupled_draws = 200;  ///< replicates of the coupled form
  std::uint64_t seed = 1;
};

/// One item's terms of the closed form. E = sum(observed) / sum(base), E0 = sum(null) / sum(base).
struct EmergenceTerms {
  double base = 0;      ///< (1 - p0)^k: probability that the item counts at all
  double observed = 0;  ///< base * (1 - (1 - pq)^k)
  double null = 0;      ///< base * (1 - (1 - p0)^k): the same with an unchanged model
};

/// `base` and `quantized` are log-probabilities of the options (any common offset); `stereotype` is
/// the index of the stereotyped one.
EmergenceTerms closed_form_emergence(std::span<const double> base,
                                     std::span<const double> quantized, std::size_t stereotype,
                                     const EmergenceOptions& options);

/// The same terms with common random numbers: every draw of Gumbel noise is given to both models,
/// so that an unchanged model gives exactly nothing (null is 0). `item` makes the draws of items
/// differ.
EmergenceTerms coupled_emergence(std::span<const double> base, std::span<const double> quantized,
                                 std::size_t stereotype, const EmergenceOptions& options,
                                 std::uint64_t item);

}  // namespace libquant
