#include "libquant/model/tree_attention.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "kernels/workspace.h"

namespace libquant {
namespace {

constexpr std::size_t kQueryRows = 64;

void copy_rows(ConstMatrixView from, MatrixView to) {
  for (std::size_t r = 0; r < from.rows; ++r)
    std::copy_n(from.row(r).data(), from.cols, to.row(r).data());
}

kernels::Operand<float> operand(ConstMatrixView m) {
  return {m.data, static_cast<std::ptrdiff_t>(m.stride), 1};
}
kernels::Operand<float> transposed(ConstMatrixView m) {
  return {m.data, 1, static_cast<std::ptrdiff_t>(m.stride)};
}
template <typename View>
View columns(View m, std::size_t begin, std::size_t count) {
  return {m.data + begin, m.rows, count, m.stride};
}
void set_zero(MatrixView m) {
  for (std::size_t r = 0; r < m.rows; ++r) std::ranges::fill(m.row(r), 0.0f);
}

// One key head of one tree: keys of the trunk and, behind them, those of the branch at hand.
class HeadBackward {
 public:
  HeadBackward(const AttentionConstants& constants, const TreeGradients& rows, std::size_t kv_head)
      : constants_(constants),
        q_(rows.q),
        context_(rows.context),
        dq_(rows.dq),
        k_(columns(rows.k, kv_head * constants.head_dim, constants.head_dim)),
        v_(columns(rows.v, kv_head * constants.head_dim, constants.head_dim)),
        dk_(columns(rows.dk, kv_head * constants.head_dim, constants.head_dim)),
        dv_(columns(rows.dv, kv_head * constants.head_dim, constants.head_dim)),
        group_(constants.heads / constants.kv_heads),
        first_head_(kv_head * group_) {}

  void run(const TreeRows& tree) {
    set_zero(dk_);
    set_zero(dv_);
    sequence(0, 0, tree.trunk);
    std::size_t row = tree.trunk;
    for (const std::size_t branch : tree.branches) {
      sequence(tree.trunk, row, branch);
      row += branch;
    }
  }

 private:
  // Keys that the trunk gives, then the sequence's own rows [begin, begin + count).
  void sequence(std::size_t shared, std::size_t begin, std::size_t count) {
    for (std::size_t first = 0; first < count; first += kQueryRows)
      for (std::size_t h = first_head_; h < first_head_ + group_; ++h)
        block(shared, begin, first, std::min(kQueryRows, count - first), h);
  }

  // Queries begin + [first, first + count) of head h: they see `shared` + first + count keys.
  void block(std::size_t shared, std::size_t begin, std::size_t first, std::size_t count,
             std::size_t h) {
    const std::size_t own = first + count, keys = shared + own, dim = constants_.head_dim;
    const ConstMatrixView q = columns(q_.row_range(begin + first, count), h * dim, dim);
    const ConstMatrixView dc = columns(context_.row_range(begin + first, count), h * dim, dim);
    const MatrixView dq = columns(dq_.row_range(begin + first, count), h * dim, dim);
    auto* const p = static_cast<float*>(
        kernels::scratch(kernels::Scratch::extra, 2 * count * keys * sizeof(float)));
    float* const ds = p + count * keys;
    const auto both = [&](auto&& body) {
      if (shared > 0) body(0, 0, shared);
      body(begin, shared, own);
    };
    both([&](std::size_t row, std::size_t col, std::size_t n) {
      kernels::gemm_f32(count, n, dim, operand(q), transposed(k_.row_range(row, n)), false, p + col,
                        keys);
      kernels::gemm_f32(count, n, dim, operand(dc), transposed(v_.row_range(row, n)), false,
                        ds + col, keys);
    });
    for (std::size_t i = 0; i < count; ++i)
      score_row(shared + first + i + 1, keys, p + i * keys, ds + i * keys);
    bool accumulate = false;
    both([&](std::size_t row, std::size_t col, std::size_t n) {
      const ConstMatrixView part{ds + col, count, n, keys};
      kernels::gemm_f32(count, dim, n, operand(part), operand(k_.row_range(row, n)), accumulate,
                        dq.data, dq.stride);
      accumulate = true;
      const MatrixView dk = dk_.row_range(row, n), dv = dv_.row_range(row, n);
      kernels::gemm_f32(n, dim, count, transposed(part), operand(q), true, dk.data, dk.stride);
      kernels::gemm_f32(n, dim, count, transposed({p + col, count, n, keys}), operand(dc), true,
                        dv.data, dv.stride);
    });
  }

  // p: scores q.k become probabilities; ds: gradients of these become gradients of q.k.
  void score_row(std::size_t end, std::size_t keys, float* p, float* ds) const noexcept {
    const std::size_t begin =
        constants_.window > 0 && end > constants_.window ? end - constants_.window : 0;
    float highest = -INFINITY;
    for (std::size_t j = begin; j < end; ++j) highest = std::max(highest, p[j] * constants_.scale);
    float sum = 0;
    for (std::size_t j = begin; j < end; ++j)
      sum += p[j] = std::exp(p[j] * constants_.scale - highest);
    float mean = 0;
    for (std::size_t j = begin; j < end; ++j) mean += (p[j] /= sum) * ds[j];
    for (std::size_t j = begin; j < end; ++j) ds[j] = constants_.scale * p[j] * (ds[j] - mean);
    std::fill(p, p + begin, 0.0f), std::fill(p + end, p + keys, 0.0f);
    std::fill(ds, ds + begin, 0.0f), std::fill(ds + end, ds + keys, 0.0f);
  }

  const AttentionConstants& constants_;
  ConstMatrixView q_, context_;
  MatrixView dq_;
  ConstMatrixView k_, v_;
  MatrixView dk_, dv_;
  std::size_t group_, first_head_;
};

// One tree's part of a forward pass; branches put their keys behind a copy of the trunk's.
struct TreeForward {
  const TreeRows& tree;
  const AttentionConstants& constants;
  std::size_t first_row, first_key;

  std::size_t keys() const noexcept {
    return tree.branches.empty() ? 0 : tree.trunk + *std::ranges::max_element(tree.branches);
  }

  void run(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v, MatrixView all_keys,
           MatrixView all_values, MatrixView context) const noexcept {
    attend(first_row, tree.trunk, tree.trunk, k.row_range(first_row, tree.trunk),
           v.row_range(first_row, tree.trunk), q, context);
    if (tree.branches.empty()) return;
    const MatrixView ks = all_keys.row_range(first_key, keys());
    const MatrixView vs = all_values.row_range(first_key, keys());
    copy_rows(k.row_range(first_row, tree.trunk), ks);
    copy_rows(v.row_range(first_row, tree.trunk), vs);
    std::size_t row = first_row + tree.trunk;
    for (const std::size_t branch : tree.branches) {
      if (branch == 0) continue;
      copy_rows(k.row_range(row, branch), ks.row_range(tree.trunk, branch));
      copy_rows(v.row_range(row, branch), vs.row_range(tree.trunk, branch));
      attend(row, branch, tree.trunk + branch, ks, vs, q, context);
      row += branch;
    }
  }

  void attend(std::size_t row, std::size_t count, std::size_t seen, ConstMatrixView ks,
              ConstMatrixView vs, ConstMatrixView q, MatrixView context) const noexcept {
    const kernels::AttentionShape shape{.queries = count,
                                        .keys = seen,
                                        .heads = constants.heads,
                                        .kv_heads = constants.kv_heads,
                                        .head_dim = constants.head_dim,
                                        .window = constants.window,
                                        .scale = constants.scale};
    kernels::attention_f32(shape, q.row(row).data(), q.stride, ks.data, vs.data, ks.stride,
                           context.row(row).data(), context.stride);
  }
};

}  // namespace

std::size_t TreeRows::rows() const noexcept {
  return std::accumulate(branches.begin(), branches.end(), trunk);
}

void tree_attention(std::span<const TreeRows> trees, const AttentionConstants& constants,
                    ConstMatrixView q, ConstMatrixView k, ConstMatrixView v, MatrixView context) {
  std::vector<TreeForward> jobs;
  std::size_t row = 0, most = 0;
  for (const TreeRows& tree : trees) {
    jobs.push_back({tree, constants, row, most});
    row += tree.rows();
    most += jobs.back().keys();
  }
  Matrix keys(most, k.cols), values(most, v.cols);
  const auto run = [&](std::size_t t) { jobs[t].run(q, k, v, keys, values, context); };
  // Few trees are worked on one after another by all threads, many side by side.
  if (trees.size() >= static_cast<std::size_t>(kernels::thread_count())) {
    kernels::parallel_for(trees.size(), 1, run);
  } else {
    for (std::size_t t = 0; t < trees.size(); ++t) run(t);
  }
}

void tree_attention_backward(std::span<const TreeRows> trees, const AttentionConstants& constants,
                             std::span<const TreeGradients> rows) {
  const std::size_t heads = constants.kv_heads;
  kernels::parallel_for(trees.size() * heads, 1, [&](std::size_t i) {
    HeadBackward(constants, rows[i / heads], i % heads).run(trees[i / heads]);
  });
}

}  // namespace libquant
