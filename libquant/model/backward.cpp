#include "libquant/model/backward.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"

namespace libquant {
namespace {

Matrix applied(const Linear& linear, ConstMatrixView x) {
  Matrix y = Matrix::uninitialized(x.rows, linear.weight.rows());
  linear.apply(x, y);
  return y;
}

Matrix normalized(ConstMatrixView x, std::span<const float> weight, double epsilon) {
  Matrix y = Matrix::uninitialized(x.rows, x.cols);
  kernels::rms_norm_f32(x.rows * x.cols / weight.size(), weight.size(), x.data, weight.data(),
                        static_cast<float>(epsilon), y.data());
  return y;
}

// dx = (accumulate ? dx : 0) + dy W
void add_linear_backward(const Linear& linear, ConstMatrixView dy, bool accumulate, MatrixView dx) {
  const ConstMatrixView w = linear.weight;
  kernels::gemm_f32(dy.rows, w.cols, w.rows, {dy.data, static_cast<std::ptrdiff_t>(dy.stride), 1},
                    {w.data, static_cast<std::ptrdiff_t>(w.stride), 1}, accumulate, dx.data,
                    dx.stride);
}

// In: gate, up, gradient of silu(gate) * up. Out: gradients of gate and up in their places.
void silu_mul_backward(std::size_t count, const float* gradient, float* gate, float* up) {
  constexpr std::size_t kRange = 4096;
  kernels::parallel_for((count + kRange - 1) / kRange, 1, [&](std::size_t range) {
    const std::size_t end = std::min(count, (range + 1) * kRange);
    for (std::size_t i = range * kRange; i < end; ++i) {
      const float sigmoid = 1 / (1 + std::exp(-gate[i]));
      const float d_gate = gradient[i] * up[i] * sigmoid * (1 + gate[i] * (1 - sigmoid));
      up[i] = gradient[i] * gate[i] * sigmoid;
      gate[i] = d_gate;
    }
  });
}

// Heads side by side in a row as rows of their own.
template <typename View>
View as_heads(View x, std::size_t head_dim) {
  return {x.data, x.rows * x.cols / head_dim, head_dim, head_dim};
}

}  // namespace

void add_weight_gradient(const LinearRows& linear, Matrix& gradient) {
  const ConstMatrixView x = linear.x, dy = linear.gradient;
  if (gradient.empty()) gradient = Matrix(dy.cols, x.cols);
  kernels::gemm_f32(dy.cols, x.cols, dy.rows, {dy.data, 1, static_cast<std::ptrdiff_t>(dy.stride)},
                    {x.data, static_cast<std::ptrdiff_t>(x.stride), 1}, true, gradient.data(),
                    gradient.cols());
}

void add_rms_norm_backward(ConstMatrixView x, std::span<const float> weight, double epsilon,
                           ConstMatrixView dy, MatrixView dx) {
  kernels::parallel_for(x.rows, 8, [&](std::size_t r) {
    const auto in = x.row(r), gradient = dy.row(r);
    double squares = 0, product = 0;
    for (std::size_t c = 0; c < in.size(); ++c) {
      squares += double{in[c]} * double{in[c]};
      product += double{gradient[c]} * double{weight[c]} * double{in[c]};
    }
    const double n = static_cast<double>(in.size());
    const double inverse = 1 / std::sqrt(squares / n + epsilon);
    const double share = product * inverse * inverse * inverse / n;
    const auto out = dx.row(r);
    for (std::size_t c = 0; c < in.size(); ++c)
      out[c] += static_cast<float>(inverse * double{weight[c]} * double{gradient[c]} -
                                   share * double{in[c]});
  });
}

// What the forward pass through attention leaves for the backward pass.
struct BlockGradients::Attention {
  Matrix x;        // the input of q, k, v
  Matrix q0, k0;   // as projected; only where they are normalized
  Matrix q, k, v;  // after norms and rotary embedding
  Matrix context;
};

AttentionConstants BlockGradients::constants(std::size_t layer) const {
  return {config_.heads, config_.kv_heads, config_.head_dim,
          layer >= config_.first_sliding_layer ? config_.sliding_window : 0,
          static_cast<float>(1 / std::sqrt(static_cast<double>(config_.head_dim)))};
}

// The transpose of a rotation turns back: the same cosines, the opposite sines.
void BlockGradients::rotate(std::span<const TreeRows> trees, std::size_t heads, bool back,
                            MatrixView x) const {
  const std::size_t half = config_.head_dim / 2;
  std::size_t row = 0;
  const auto sequence = [&](std::size_t position, std::size_t count) {
    if (count == 0) return;
    const RopeRows rope = rope_.rows(position, count);
    std::vector<float> sine(rope.sine, rope.sine + count * half);
    if (back)
      for (float& value : sine) value = -value;
    kernels::rope_f32(count, heads, config_.head_dim, rope.cosine, sine.data(), x.row(row).data(),
                      x.stride);
    row += count;
  };
  for (const TreeRows& tree : trees) {
    sequence(0, tree.trunk);
    for (const std::size_t branch : tree.branches) sequence(tree.trunk, branch);
  }
}

BlockGradients::Attention BlockGradients::attend(const BlockWeights& block,
                                                 std::span<const TreeRows> trees, std::size_t layer,
                                                 Matrix x) const {
  Attention a;
  a.q = applied(block[LinearRole::q], x);
  a.k = applied(block[LinearRole::k], x);
  a.v = applied(block[LinearRole::v], x);
  if (!block.q_norm.empty()) {
    a.q0 = std::move(a.q);
    a.q = normalized(a.q0, block.q_norm, config_.rms_epsilon);
  }
  if (!block.k_norm.empty()) {
    a.k0 = std::move(a.k);
    a.k = normalized(a.k0, block.k_norm, config_.rms_epsilon);
  }
  rotate(trees, config_.heads, false, a.q);
  rotate(trees, config_.kv_heads, false, a.k);
  a.context = Matrix(a.q.rows(), a.q.cols());
  tree_attention(trees, constants(layer), a.q, a.k, a.v, a.context);
  a.x = std::move(x);
  return a;
}

void BlockGradients::forward(const BlockWeights& block, std::span<const TreeRows> trees,
                             std::size_t layer, MatrixView hidden,
                             const LinearVisitor& visit) const {
  const auto see = [&](std::initializer_list<LinearRole> roles, ConstMatrixView x) {
    if (!visit) return;
    for (const LinearRole role : roles) visit({role, x, {}});
  };
  {
    const Attention a = attend(block, trees, layer, stages_.attention_input(block, hidden));
    see({LinearRole::q, LinearRole::k, LinearRole::v}, a.x);
    see({LinearRole::o}, a.context);
    stages_.attention_output(block, a.context, hidden);
  }
  const Matrix x = stages_.mlp_input(block, hidden);
  see({LinearRole::gate, LinearRole::up}, x);
  Matrix inner = Matrix::uninitialized(x.rows(), block[LinearRole::down].inputs());
  stages_.mlp_inner(block, x, inner);
  see({LinearRole::down}, inner);
  stages_.mlp_output(block, inner, hidden);
}

void BlockGradients::mlp_backward(const BlockWeights& block, ConstMatrixView middle,
                                  MatrixView gradient, const LinearVisitor& visit) const {
  const Matrix x = stages_.mlp_input(block, middle);
  Matrix gate = applied(block[LinearRole::gate], x), up = applied(block[LinearRole::up], x);
  Matrix inner(gate.rows(), gate.cols());
  kernels::silu_mul_f32(gate.size(), gate.data(), up.data(), inner.data());
  visit({LinearRole::down, inner, gradient});
  add_linear_backward(block[LinearRole::down], gradient, false, inner);
  silu_mul_backward(gate.size(), inner.data(), gate.data(), up.data());
  visit({LinearRole::gate, x, gate});
  visit({LinearRole::up, x, up});
  Matrix dx(x.rows(), x.cols());
  add_linear_backward(block[LinearRole::gate], gate, false, dx);
  add_linear_backward(block[LinearRole::up], up, true, dx);
  add_rms_norm_backward(middle, block.mlp_norm, config_.rms_epsilon, dx, gradient);
}

void BlockGradients::attention_backward(const BlockWeights& block, std::span<const TreeRows> trees,
                                        std::size_t layer, const Attention& a,
                                        ConstMatrixView hidden, MatrixView gradient,
                                        const LinearVisitor& visit) const {
  visit({LinearRole::o, a.context, gradient});
  Matrix dcontext(a.context.rows(), a.context.cols());
  add_linear_backward(block[LinearRole::o], gradient, false, dcontext);
  Matrix dq(a.q.rows(), a.q.cols()), dk(a.k.rows(), a.k.cols()), dv(a.v.rows(), a.v.cols());
  std::vector<TreeGradients> parts;
  std::size_t row = 0;
  for (const TreeRows& tree : trees) {
    const std::size_t n = tree.rows();
    const auto part = [&](const Matrix& m) { return m.view().row_range(row, n); };
    parts.push_back({part(a.q), part(a.k), part(a.v), part(dcontext), dq.view().row_range(row, n),
                     dk.view().row_range(row, n), dv.view().row_range(row, n)});
    row += n;
  }
  tree_attention_backward(trees, constants(layer), parts);
  rotate(trees, config_.heads, true, dq);
  rotate(trees, config_.kv_heads, true, dk);
  const auto through_norm = [&](const std::vector<float>& weight, const Matrix& projected,
                                Matrix& d) {
    if (weight.empty()) return;
    Matrix before(d.rows(), d.cols());
    add_rms_norm_backward(as_heads(projected.view(), weight.size()), weight, config_.rms_epsilon,
                          as_heads(std::as_const(d).view(), weight.size()),
                          as_heads(before.view(), weight.size()));
    d = std::move(before);
  };
  through_norm(block.q_norm, a.q0, dq);
  through_norm(block.k_norm, a.k0, dk);
  visit({LinearRole::q, a.x, dq});
  visit({LinearRole::k, a.x, dk});
  visit({LinearRole::v, a.x, dv});
  Matrix dx(a.x.rows(), a.x.cols());
  add_linear_backward(block[LinearRole::q], dq, false, dx);
  add_linear_backward(block[LinearRole::k], dk, true, dx);
  add_linear_backward(block[LinearRole::v], dv, true, dx);
  add_rms_norm_backward(hidden, block.attention_norm, config_.rms_epsilon, dx, gradient);
}

void BlockGradients::backward(const BlockWeights& block, std::span<const TreeRows> trees,
                              std::size_t layer, ConstMatrixView hidden, MatrixView gradient,
                              const LinearVisitor& visit) const {
  const Attention a = attend(block, trees, layer, stages_.attention_input(block, hidden));
  {
    Matrix middle(hidden.rows, hidden.cols);
    for (std::size_t r = 0; r < hidden.rows; ++r)
      std::ranges::copy(hidden.row(r), middle.row(r).begin());
    stages_.attention_output(block, a.context, middle);
    mlp_backward(block, middle, gradient, visit);
  }
  attention_backward(block, trees, layer, a, hidden, gradient, visit);
}

}  // namespace libquant
