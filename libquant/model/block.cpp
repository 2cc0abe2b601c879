#include "libquant/model/block.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention.h"
#include "kernels/elementwise.h"

namespace libquant {
namespace {

Matrix normalized(ConstMatrixView x, const std::vector<float>& weight, double epsilon) {
  Matrix y(x.rows, x.cols);
  kernels::rms_norm_f32(x.rows, x.cols, x.data, weight.data(), static_cast<float>(epsilon),
                        y.data());
  return y;
}

Matrix projected(const LinearLayer& linear, ConstMatrixView x) {
  Matrix y(x.rows, linear.outputs());
  linear.apply(x, y);
  return y;
}

// Qwen3's RMS norm of every head by itself.
void normalize_heads(Matrix& x, const std::vector<float>& weight, double epsilon) {
  if (weight.empty()) return;
  kernels::rms_norm_f32(x.size() / weight.size(), weight.size(), x.data(), weight.data(),
                        static_cast<float>(epsilon), x.data());
}

void copy_rows(ConstMatrixView from, MatrixView to) {
  for (std::size_t r = 0; r < from.rows; ++r)
    std::copy_n(from.row(r).data(), from.cols, to.row(r).data());
}

}  // namespace

Matrix BlockStages::attention_input(const BlockView& block, ConstMatrixView hidden) const {
  return normalized(hidden, block.norms.attention_norm, config_.rms_epsilon);
}

Matrix BlockStages::attention_context(const BlockView& block, ConstMatrixView x,
                                      std::span<const std::size_t> lengths, std::size_t layer,
                                      std::span<KvCache* const> caches) const {
  Matrix q = projected(block[LinearRole::q], x);
  Matrix k = projected(block[LinearRole::k], x);
  const Matrix v = projected(block[LinearRole::v], x);
  normalize_heads(q, block.norms.q_norm, config_.rms_epsilon);
  normalize_heads(k, block.norms.k_norm, config_.rms_epsilon);
  Matrix context(q.rows(), q.cols());
  std::size_t row = 0;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const std::size_t count = lengths[s];
    KvCache* const cache = caches.empty() ? nullptr : caches[s];
    attend(q.view().row_range(row, count), k.view().row_range(row, count),
           v.view().row_range(row, count), layer, cache, context.view().row_range(row, count));
    row += count;
  }
  return context;
}

void BlockStages::attend(MatrixView q, MatrixView k, ConstMatrixView v, std::size_t layer,
                         KvCache* cache, MatrixView context) const {
  const std::size_t begin = cache == nullptr ? 0 : cache->length();
  const std::size_t count = q.rows;
  const RopeRows rope = rope_.rows(begin, count);
  kernels::rope_f32(count, config_.heads, config_.head_dim, rope.cosine, rope.sine, q.data,
                    q.stride);
  kernels::rope_f32(count, config_.kv_heads, config_.head_dim, rope.cosine, rope.sine, k.data,
                    k.stride);
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

Matrix BlockStages::mlp_inner(const BlockView& block, ConstMatrixView x) const {
  Matrix gate = projected(block[LinearRole::gate], x);
  const Matrix up = projected(block[LinearRole::up], x);
  kernels::silu_mul_f32(gate.size(), gate.data(), up.data(), gate.data());
  return gate;
}

void BlockStages::mlp_output(const BlockView& block, ConstMatrixView inner,
                             MatrixView hidden) const {
  block[LinearRole::down].apply(inner, hidden, true);
}

void BlockStages::forward(const BlockView& block, MatrixView hidden,
                          std::span<const std::size_t> lengths, std::size_t layer,
                          std::span<KvCache* const> caches) const {
  attention_output(block,
                   attention_context(block, attention_input(block, hidden), lengths, layer, caches),
                   hidden);
  mlp_output(block, mlp_inner(block, mlp_input(block, hidden)), hidden);
}

}  // namespace libquant
