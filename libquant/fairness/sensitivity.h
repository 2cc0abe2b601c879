#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libquant/fairness/probe_trees.h"

namespace libquant {

/// One draw of the Fisher matrix of option distributions. With p = softmax(z) and signs e_o = +-1,
///
///     L = sum_o e_o sqrt(p_o) (z_o - sum_j p_j z_j)
///
/// has E[grad L grad L^T] = sum_o p_o grad log p_o grad log p_o^T, the second-order form of
/// KL(original || changed); so one backward pass per item replaces one per option. L is linear in
/// the log-probabilities of the scored tokens: these are its coefficients, [scored]. The signs of a
/// distribution depend on its name and `seed` only. docs/fairness.md derives it.
std::vector<double> fisher_coefficients(const ProbeTrees& probes,
                                        std::span<const double> log_probabilities,
                                        std::uint64_t seed);

/// The same for text: one random sign per scored token, so that the expected square is the sum of
/// squared gradients of the single losses.
std::vector<double> text_coefficients(const ProbeTrees& text, std::uint64_t seed);

/// p of every distribution, in the order of its options.
std::vector<std::vector<double>> option_probabilities(const ProbeTrees& probes,
                                                      std::span<const double> log_probabilities);

}  // namespace libquant
