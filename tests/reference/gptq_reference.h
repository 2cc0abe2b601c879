#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "tests/reference/grid_reference.h"

/// GPTQ as optimal brain surgery defines it: an explicit inverse of the damped H from which every
/// visited column is eliminated, one column at a time over the whole row. No Cholesky factor, no
/// blocks; nothing here is shared with the library.
namespace reference {

enum class Visit { stored, group, all };

struct GptqRules {
  GridRules grid;
  std::size_t group = 0;  ///< columns of a group; 0 = the whole row
  Visit visit = Visit::stored;
  double damping = 0.01;
  bool weighted_clip = false;  ///< clip errors weighted by what they cost
};

struct GptqResult {
  std::vector<std::vector<int>> codes;       ///< [row][column as stored]
  std::vector<std::vector<Grid>> grids;      ///< [row][group as stored]
  std::vector<std::vector<char>> near_ties;  ///< [row][position in visiting order]
  std::vector<std::size_t> order;
};

inline std::vector<std::size_t> visiting(const Eigen::VectorXd& diagonal, Visit visit,
                                         std::size_t group) {
  const auto size = static_cast<std::size_t>(diagonal.size());
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (visit == Visit::stored) return order;
  const auto at = [&](std::size_t i) { return diagonal(static_cast<Eigen::Index>(i)); };
  std::vector<double> first(size);  // sorts groups; a single group when visiting all
  const std::size_t width = visit == Visit::all || group == 0 ? size : group;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t begin = i / width * width;
    for (std::size_t j = begin; j < begin + width; ++j) first[i] = std::max(first[i], at(j));
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (a / width == b / width) return at(a) > at(b);
    return first[a] != first[b] ? first[a] > first[b] : a < b;
  });
  return order;
}

inline GptqResult gptq(const Eigen::MatrixXd& weights, const Eigen::MatrixXd& h,
                       const GptqRules& rules) {
  const auto rows = static_cast<std::size_t>(weights.rows());
  const auto cols = static_cast<std::size_t>(weights.cols());
  const std::size_t width = rules.group == 0 ? cols : rules.group;
  GptqResult result;
  result.order = visiting(h.diagonal(), rules.visit, rules.group);
  result.codes.assign(rows, std::vector<int>(cols));
  result.grids.assign(rows, std::vector<Grid>(cols / width));
  result.near_ties.assign(rows, std::vector<char>(cols));

  // Everything below is in visiting order.
  std::vector<Eigen::Index> order(result.order.begin(), result.order.end());
  Eigen::MatrixXd inverse = h(order, order);
  Eigen::MatrixXd w = weights(Eigen::all, order);
  double mean = 0, live = 0;
  for (Eigen::Index i = 0; i < h.rows(); ++i)
    if (h(i, i) != 0) mean += h(i, i), live += 1;
  mean /= live;
  for (Eigen::Index i = 0; i < h.rows(); ++i)
    inverse(i, i) = (inverse(i, i) == 0 ? mean : inverse(i, i)) + rules.damping * mean;
  inverse = inverse.ldlt().solve(Eigen::MatrixXd::Identity(h.rows(), h.cols())).eval();

  // What an error at a column costs once all later ones have made up for it: the inverse of the
  // column's diagonal in the inverse of H restricted to it and the later columns.
  std::vector<double> price(cols);
  Eigen::MatrixXd rest = inverse;
  for (std::size_t i = 0; i < cols; ++i) {
    price[i] = 1 / rest(0, 0);
    const Eigen::Index later = rest.cols() - 1;
    rest = (rest.bottomRightCorner(later, later) -
            rest.col(0).tail(later) * rest.row(0).tail(later) / rest(0, 0))
               .eval();
  }

  const auto fit_now = [&](std::size_t r, std::size_t g, std::size_t now) {
    std::vector<double> values, importance;
    for (std::size_t i = 0; i < cols; ++i) {
      if (result.order[i] / width != g) continue;
      values.push_back(w(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(i)));
      if (rules.weighted_clip) importance.push_back(price[i]);
    }
    const FittedGrid fitted = fit(values, importance, rules.grid);
    result.grids[r][g] = fitted.grid;
    if (fitted.near_tie) result.near_ties[r][now] = 1;
  };
  if (rules.visit == Visit::all)
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t g = 0; g < cols / width; ++g) fit_now(r, g, 0);

  std::vector<char> started(cols / width);
  for (std::size_t i = 0; i < cols; ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    const Eigen::Index later = h.cols() - at - 1;
    const std::size_t g = result.order[i] / width;
    const double d = inverse(at, at);
    for (std::size_t r = 0; r < rows; ++r) {
      if (rules.visit != Visit::all && started[g] == 0) fit_now(r, g, i);
      const auto row = static_cast<Eigen::Index>(r);
      const Grid& grid = result.grids[r][g];
      const double steps = position(w(row, at), grid, rules.grid);
      if (near_half(steps, rules.grid)) result.near_ties[r][i] = 1;
      const int code = code_of(w(row, at), grid, rules.grid);
      result.codes[r][result.order[i]] = code;
      const double error = (w(row, at) - value_of(code, grid, rules.grid)) / d;
      w.row(row).tail(later) -= error * inverse.row(at).tail(later);
    }
    started[g] = 1;
    const Eigen::VectorXd column = inverse.col(at).tail(later) / d;
    inverse.bottomRightCorner(later, later).noalias() -= column * inverse.row(at).tail(later);
  }
  return result;
}

}  // namespace reference
