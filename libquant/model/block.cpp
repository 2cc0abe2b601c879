#include "libquant/model/block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/threads.h"

namespace libquant {
namespace {

Matrix normalized(ConstMatrixView x, const std::vector<float>& weight, double epsilon) {
  Matrix y = Matrix::uninitialized(x.rows, x.cols);
  kernels::rms_norm_f32(x.rows, x.cols, x.data, weight.data(), static_cast<float>(epsilon),
                        y.data());
  return y;
}

// Qwen3's RMS norm of every head by itself.
void normalize_heads(Matrix& x, const std::vector<float>& weight, double epsilon) {
  if (weight.empty()) return;
  kernels::rms_norm_f32(x.size() / weight.size(), weight.size(), x.data(), weight.data(),
                        static_cast<float>(epsilon), x.data());
}

// Below this, sequences of different lengths would leave a thread without work too long.
constexpr std::size_t kTurnsPerThread = 4;

// Sequences that share a cache: each overwrites what the one before appended.
struct Turn {
  struct Sequence {
    std::size_t row, count;
  };
  KvCache* cache;
  std::vector<Sequence> sequences;
};

std::vector<Turn> turns_of(std::span<const std::size_t> lengths, std::span<KvCache* const> caches) {
  std::vector<Turn> turns;
  std::unordered_map<const KvCache*, std::size_t> known;
  std::size_t row = 0;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    KvCache* const cache = caches.empty() ? nullptr : caches[s];
    std::size_t turn = turns.size();
    if (cache != nullptr) turn = known.emplace(cache, turn).first->second;
    if (turn == turns.size()) turns.push_back({cache, {}});
    turns[turn].sequences.push_back({row, lengths[s]});
    row += lengths[s];
  }
  return turns;
}

void copy_rows(ConstMatrixView from, MatrixView to) {
  for (std::size_t r = 0; r < from.rows; ++r)
    std::copy_n(from.row(r).data(), from.cols, to.row(r).data());
}

}  // namespace

Matrix BlockStages::attention_input(const BlockView& block, ConstMatrixView hidden) const {
  return normalized(hidden, block.norms.attention_norm, config_.rms_epsilon);
}

void BlockStages::attention_context(const BlockView& block, ConstMatrixView x,
                                    std::span<const std::size_t> lengths, std::size_t layer,
                                    std::span<KvCache* const> caches, MatrixView context) const {
  auto made = apply_each(
      std::array{&block[LinearRole::q], &block[LinearRole::k], &block[LinearRole::v]}, x);
  Matrix &q = made[0], &k = made[1], &v = made[2];
  normalize_heads(q, block.norms.q_norm, config_.rms_epsilon);
  normalize_heads(k, block.norms.k_norm, config_.rms_epsilon);
  const std::vector<Turn> turns = turns_of(lengths, caches);
  const auto take = [&](std::size_t t) {
    for (const Turn::Sequence& s : turns[t].sequences)
      attend(q.view().row_range(s.row, s.count), k.view().row_range(s.row, s.count),
             v.view().row_range(s.row, s.count), layer, turns[t].cache,
             context.row_range(s.row, s.count));
  };
  for (const Turn& turn : turns)
    for (const Turn::Sequence& s : turn.sequences)
      rotate(q.view().row_range(s.row, s.count), k.view().row_range(s.row, s.count), turn.cache);
  // Few sequences are worked on one after another by all threads, many side by side.
  if (turns.size() >= kTurnsPerThread * static_cast<std::size_t>(kernels::thread_count())) {
    kernels::parallel_for(turns.size(), 1, take);
  } else {
    for (std::size_t t = 0; t < turns.size(); ++t) take(t);
  }
}

void BlockStages::rotate(MatrixView q, MatrixView k, const KvCache* cache) const {
  const RopeRows rope = rope_.rows(cache == nullptr ? 0 : cache->length(), q.rows);
  kernels::rope_f32(q.rows, config_.heads, config_.head_dim, rope.cosine, rope.sine, q.data,
                    q.stride);
  kernels::rope_f32(k.rows, config_.kv_heads, config_.head_dim, rope.cosine, rope.sine, k.data,
                    k.stride);
}

void BlockStages::attend(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v, std::size_t layer,
                         KvCache* cache, MatrixView context) const noexcept {
  const std::size_t begin = cache == nullptr ? 0 : cache->length();
  const std::size_t count = q.rows;
  ConstMatrixView keys = k, values = v;
  if (cache != nullptr) {
    copy_rows(k, cache->keys(layer).row_range(begin, count));
    copy_rows(v, cache->values(layer).row_range(begin, count));
    keys = cache->keys(layer);
    values = cache->values(layer);
  }
  const kernels::AttentionShape shape{
      .queries = count,
      .keys = begin + count,
      .heads = config_.heads,
      .kv_heads = config_.kv_heads,
      .head_dim = config_.head_dim,
      .window = layer >= config_.first_sliding_layer ? config_.sliding_window : 0,
      .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config_.head_dim)))};
  kernels::attention_f32(shape, q.data, q.stride, keys.data, values.data, keys.stride, context.data,
                         context.stride);
}

void BlockStages::attention_output(const BlockView& block, ConstMatrixView context,
                                   MatrixView hidden) const {
  block[LinearRole::o].apply(context, hidden, true);
}

Matrix BlockStages::mlp_input(const BlockView& block, ConstMatrixView hidden) const {
  return normalized(hidden, block.norms.mlp_norm, config_.rms_epsilon);
}

void BlockStages::mlp_inner(const BlockView& block, ConstMatrixView x, MatrixView inner) const {
  Matrix gate = Matrix::uninitialized(inner.rows, inner.cols);
  apply_each(std::array{&block[LinearRole::gate], &block[LinearRole::up]}, x,
             std::array{gate.view(), inner});
  kernels::silu_mul_f32(gate.size(), gate.data(), inner.data, inner.data);
}

void BlockStages::mlp_output(const BlockView& block, ConstMatrixView inner,
                             MatrixView hidden) const {
  block[LinearRole::down].apply(inner, hidden, true);
}

void BlockStages::forward(const BlockView& block, MatrixView hidden,
                          std::span<const std::size_t> lengths, std::size_t layer,
                          std::span<KvCache* const> caches) const {
  {
    Matrix context = Matrix::uninitialized(hidden.rows, config_.heads * config_.head_dim);
    attention_context(block, attention_input(block, hidden), lengths, layer, caches, context);
    attention_output(block, context, hidden);
  }
  Matrix inner = Matrix::uninitialized(hidden.rows, block[LinearRole::down].inputs());
  mlp_inner(block, mlp_input(block, hidden), inner);
  mlp_output(block, inner, hidden);
}

}  // namespace libquant
