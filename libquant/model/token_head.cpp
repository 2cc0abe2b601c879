#include "libquant/model/token_head.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "libquant/model/load.h"

namespace libquant {
namespace {

constexpr std::size_t kSlice = 8192;  // of the vocabulary
constexpr std::size_t kRows = 512;    // of hidden states: logits of a slice take 16 MB

double add_logs(double a, double b) {
  const double high = std::max(a, b);
  return std::isinf(high) ? high : high + std::log1p(std::exp(std::min(a, b) - high));
}

void logits_of(ConstMatrixView hidden, ConstMatrixView w, MatrixView z) {
  kernels::linear_f32(hidden.rows, w.rows, w.cols, hidden.data, hidden.stride, w.data, w.stride,
                      false, z.data, z.stride);
}

}  // namespace

TokenHead::TokenHead(const WeightSource& source)
    : source_(source),
      name_(source.config().tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight") {}

// body(first token, weights of the slice)
template <typename Body>
void TokenHead::for_weights(const Body& body) const {
  const std::size_t vocabulary = source_.config().vocabulary_size;
  Matrix weights(std::min(kSlice, vocabulary), source_.config().hidden_size);
  for (std::size_t token = 0; token < vocabulary; token += kSlice) {
    const MatrixView w = weights.view().row_range(0, std::min(kSlice, vocabulary - token));
    source_.load_rows(name_, token, w);
    check_finite(name_, token, w);
    body(token, w);
  }
}

// body(first row, first token, weights of the slice, logits of some rows for the slice)
template <typename Body>
void TokenHead::for_slices(ConstMatrixView hidden, const Body& body) const {
  Matrix logits(std::min(kRows, hidden.rows), std::min(kSlice, source_.config().vocabulary_size));
  for_weights([&](std::size_t token, ConstMatrixView w) {
    for (std::size_t row = 0; row < hidden.rows; row += kRows) {
      const MatrixView z{logits.data(), std::min(kRows, hidden.rows - row), w.rows, w.rows};
      logits_of(hidden.row_range(row, z.rows), w, z);
      body(row, token, w, z);
    }
  });
}

std::vector<double> TokenHead::log_probabilities(ConstMatrixView hidden,
                                                 std::span<const std::int32_t> targets) {
  require(hidden.rows == targets.size(), "log-probabilities of {} targets after {} rows",
          targets.size(), hidden.rows);
  std::vector<double> result(targets.size()), sums(targets.size());
  log_sums_.assign(targets.size(), -std::numeric_limits<double>::infinity());
  for_slices(hidden, [&](std::size_t row, std::size_t token, ConstMatrixView w, ConstMatrixView z) {
    kernels::log_sum_exp_f32(z.rows, z.cols, z.data, sums.data());
    for (std::size_t r = 0; r < z.rows; ++r) {
      log_sums_[row + r] = add_logs(log_sums_[row + r], sums[r]);
      const auto target = static_cast<std::size_t>(targets[row + r]);
      if (target >= token && target - token < w.rows)
        result[row + r] = double{z.row(r)[target - token]};
    }
  });
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] -= log_sums_[i];
    require<Error>(std::isfinite(result[i]),
                   "gradient pass: the logits that predict token {} are not finite", targets[i]);
  }
  return result;
}

Matrix TokenHead::gradient(ConstMatrixView hidden, std::span<const std::int32_t> targets,
                           std::span<const double> coefficients) const {
  require(hidden.rows == log_sums_.size() && targets.size() == hidden.rows &&
              coefficients.size() == hidden.rows,
          "gradient of {} rows after a forward pass over {}", hidden.rows, log_sums_.size());
  Matrix gradient(hidden.rows, hidden.cols);
  for_slices(hidden, [&](std::size_t row, std::size_t token, ConstMatrixView w, MatrixView z) {
    kernels::parallel_for(z.rows, 1, [&](std::size_t r) {
      const std::size_t i = row + r;
      const auto c = static_cast<float>(coefficients[i]);
      const auto log_sum = static_cast<float>(log_sums_[i]);
      for (float& value : z.row(r)) value = -c * std::exp(value - log_sum);
      const auto target = static_cast<std::size_t>(targets[i]);
      if (target >= token && target - token < w.rows) z.row(r)[target - token] += c;
    });
    kernels::gemm_f32(z.rows, w.cols, w.rows, {z.data, static_cast<std::ptrdiff_t>(z.stride), 1},
                      {w.data, static_cast<std::ptrdiff_t>(w.stride), 1}, true,
                      gradient.row(row).data(), gradient.cols());
  });
  return gradient;
}

// body(first row, weights of the slice, teacher's logits and own logits of some rows for the slice)
template <typename Body>
void TokenHead::for_pairs(ConstMatrixView teacher, ConstMatrixView hidden, const Body& body) const {
  const std::size_t most = std::min(kRows / 2, hidden.rows);
  const std::size_t wide = std::min(kSlice, source_.config().vocabulary_size);
  Matrix first(most, wide), second(most, wide);
  for_weights([&](std::size_t, ConstMatrixView w) {
    for (std::size_t row = 0; row < hidden.rows; row += most) {
      const std::size_t count = std::min(most, hidden.rows - row);
      const MatrixView t{first.data(), count, w.rows, w.rows};
      const MatrixView z{second.data(), count, w.rows, w.rows};
      logits_of(teacher.row_range(row, count), w, t);
      logits_of(hidden.row_range(row, count), w, z);
      body(row, w, t, z);
    }
  });
}

TokenHead::Distilled TokenHead::distill(ConstMatrixView teacher, ConstMatrixView hidden,
                                        double weight) const {
  require(teacher.rows == hidden.rows && teacher.cols == hidden.cols,
          "{} x {} hidden states to compare with {} x {} of a teacher", hidden.rows, hidden.cols,
          teacher.rows, teacher.cols);
  constexpr double kNothing = -std::numeric_limits<double>::infinity();
  std::vector<double> sums(kRows), of_teacher(hidden.rows, kNothing), own(hidden.rows, kNothing);
  for_pairs(teacher, hidden,
            [&](std::size_t row, ConstMatrixView, ConstMatrixView t, ConstMatrixView z) {
              kernels::log_sum_exp_f32(t.rows, t.cols, t.data, sums.data());
              for (std::size_t r = 0; r < t.rows; ++r)
                of_teacher[row + r] = add_logs(of_teacher[row + r], sums[r]);
              kernels::log_sum_exp_f32(z.rows, z.cols, z.data, sums.data());
              for (std::size_t r = 0; r < z.rows; ++r)
                own[row + r] = add_logs(own[row + r], sums[r]);
            });
  Distilled result{std::vector<double>(hidden.rows), {}};
  if (weight != 0) result.gradient = Matrix(hidden.rows, hidden.cols);
  for_pairs(teacher, hidden,
            [&](std::size_t row, ConstMatrixView w, ConstMatrixView t, MatrixView z) {
              kernels::parallel_for(z.rows, 1, [&](std::size_t r) {
                const auto high = static_cast<float>(of_teacher[row + r]);
                const auto low = static_cast<float>(own[row + r]);
                const auto scale = static_cast<float>(weight);
                const std::span<const float> from = t.row(r);
                const std::span<float> to = z.row(r);
                double sum = 0;
                for (std::size_t v = 0; v < to.size(); ++v) {
                  const float log_p = from[v] - high, log_q = to[v] - low;
                  const float p = std::exp(log_p);
                  sum += double{p} * double{log_p - log_q};
                  to[v] = scale * (std::exp(log_q) - p);
                }
                result.divergence[row + r] += sum;
              });
              if (weight == 0) return;
              kernels::gemm_f32(z.rows, w.cols, w.rows,
                                {z.data, static_cast<std::ptrdiff_t>(z.stride), 1},
                                {w.data, static_cast<std::ptrdiff_t>(w.stride), 1}, true,
                                result.gradient.row(row).data(), result.gradient.cols());
            });
  for (double& value : result.divergence) {
    require<Error>(std::isfinite(value), "gradient pass: logits to compare are not finite");
    value = std::max(value, 0.0);
  }
  return result;
}

}  // namespace libquant
