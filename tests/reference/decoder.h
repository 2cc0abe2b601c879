#pragma once
// A decoder of the Llama family in double: one token at a time, every formula written out. Any
// linear layer's output can be shifted, so that differences give the derivative with respect to it.

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "libquant/model/block.h"
#include "libquant/model/gradient_pass.h"
#include "libquant/model/load.h"
#include "libquant/model/rope.h"

namespace libquant::reference {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

/// Added to the outputs of one linear layer: [rows][outputs].
struct Shift {
  std::size_t layer;
  LinearRole role;
  Rows values;
};

class Decoder {
 public:
  explicit Decoder(const WeightSource& source)
      : config_(source.config()), embeddings_(source.load("model.embed_tokens.weight")) {
    if (!config_.tied_embeddings) head_ = source.load("lm_head.weight");
    final_norm_ = load_vector(source, "model.norm.weight", config_.hidden_size);
    for (std::size_t layer = 0; layer < config_.layers; ++layer)
      blocks_.push_back(load_block(source, layer));
  }

  /// log p of each scored token; rows as TreeRows says.
  std::vector<double> log_probabilities(const std::vector<TokenTree>& trees,
                                        const std::vector<ScoredToken>& scored,
                                        const Shift* shift = nullptr) const {
    std::vector<std::int32_t> tokens;
    std::vector<std::vector<std::size_t>> visible;  // rows that each row sees, itself last
    for (const TokenTree& tree : trees) lay_out(tree, tokens, visible);
    Rows hidden;
    for (const std::int32_t token : tokens)
      hidden.push_back(widen(embeddings_.row(static_cast<std::size_t>(token))));
    for (std::size_t layer = 0; layer < config_.layers; ++layer)
      block(layer, visible, shift, hidden);
    std::vector<double> result;
    for (const ScoredToken& s : scored) result.push_back(log_probability(hidden[s.row], s.token));
    return result;
  }

 private:
  static Row widen(std::span<const float> values) { return {values.begin(), values.end()}; }

  static void lay_out(const TokenTree& tree, std::vector<std::int32_t>& tokens,
                      std::vector<std::vector<std::size_t>>& visible) {
    std::vector<std::size_t> trunk;
    const auto append = [&](std::vector<std::size_t> seen,
                            const std::vector<std::int32_t>& sequence) {
      for (const std::int32_t token : sequence) {
        seen.push_back(tokens.size());
        tokens.push_back(token);
        visible.push_back(seen);
      }
      return seen;
    };
    trunk = append({}, tree.trunk);
    for (const auto& branch : tree.branches) append(trunk, branch);
  }

  void normalize(std::span<double> x, std::span<const float> weight) const {
    double squares = 0;
    for (const double v : x) squares += v * v;
    const double inverse =
        1 / std::sqrt(squares / static_cast<double>(x.size()) + config_.rms_epsilon);
    for (std::size_t c = 0; c < x.size(); ++c) x[c] *= inverse * double{weight[c]};
  }

  Rows linear(std::size_t layer, LinearRole role, const Rows& x, const Shift* shift) const {
    const Linear& l = blocks_[layer][role];
    Rows y;
    for (std::size_t t = 0; t < x.size(); ++t) {
      Row out(l.weight.rows());
      for (std::size_t o = 0; o < out.size(); ++o) {
        for (std::size_t i = 0; i < x[t].size(); ++i) out[o] += double{l.weight(o, i)} * x[t][i];
        if (!l.bias.empty()) out[o] += double{l.bias[o]};
        if (shift != nullptr && shift->layer == layer && shift->role == role)
          out[o] += shift->values[t][o];
      }
      y.push_back(std::move(out));
    }
    return y;
  }

  // Position = number of rows seen - 1; the frequencies of a sequence that ends with this row's.
  void rotate(Row& x, std::size_t position, std::size_t length) const {
    const RopeFrequencies f = rope_frequencies(config_, length);
    const std::size_t half = config_.head_dim / 2;
    for (std::size_t h = 0; h < x.size(); h += config_.head_dim) {
      for (std::size_t i = 0; i < half; ++i) {
        const auto angle = double{static_cast<float>(position) * f.frequencies[i]};
        const double c = std::cos(angle) * double{f.attention_factor};
        const double s = std::sin(angle) * double{f.attention_factor};
        const double a = x[h + i], b = x[h + half + i];
        x[h + i] = a * c - b * s;
        x[h + half + i] = b * c + a * s;
      }
    }
  }

  void prepare_heads(Rows& x, const std::vector<float>& weight,
                     const std::vector<std::vector<std::size_t>>& visible) const {
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t h = 0; h < x[t].size() && !weight.empty(); h += config_.head_dim)
        normalize(std::span(x[t]).subspan(h, config_.head_dim), weight);
      rotate(x[t], visible[t].size() - 1, visible[t].size());
    }
  }

  Rows attention(std::size_t layer, const std::vector<std::vector<std::size_t>>& visible,
                 const Rows& q, const Rows& k, const Rows& v) const {
    const std::size_t dim = config_.head_dim, group = config_.heads / config_.kv_heads;
    const std::size_t window = layer >= config_.first_sliding_layer ? config_.sliding_window : 0;
    Rows context(q.size(), Row(q[0].size()));
    for (std::size_t t = 0; t < q.size(); ++t) {
      const auto& seen = visible[t];
      const std::size_t begin = window > 0 && seen.size() > window ? seen.size() - window : 0;
      for (std::size_t h = 0; h < config_.heads; ++h) {
        Row weights;
        double sum = 0;
        for (std::size_t j = begin; j < seen.size(); ++j) {
          double score = 0;
          for (std::size_t d = 0; d < dim; ++d)
            score += q[t][h * dim + d] * k[seen[j]][h / group * dim + d];
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(dim))));
          sum += weights.back();
        }
        for (std::size_t j = begin; j < seen.size(); ++j)
          for (std::size_t d = 0; d < dim; ++d)
            context[t][h * dim + d] += weights[j - begin] / sum * v[seen[j]][h / group * dim + d];
      }
    }
    return context;
  }

  void block(std::size_t layer, const std::vector<std::vector<std::size_t>>& visible,
             const Shift* shift, Rows& hidden) const {
    const BlockWeights& w = blocks_[layer];
    const auto normalized = [&](const std::vector<float>& weight) {
      Rows x = hidden;
      for (Row& row : x) normalize(row, weight);
      return x;
    };
    const auto add = [&](const Rows& y) {
      for (std::size_t t = 0; t < y.size(); ++t)
        for (std::size_t c = 0; c < y[t].size(); ++c) hidden[t][c] += y[t][c];
    };
    const Rows x = normalized(w.attention_norm);
    Rows q = linear(layer, LinearRole::q, x, shift), k = linear(layer, LinearRole::k, x, shift);
    const Rows v = linear(layer, LinearRole::v, x, shift);
    prepare_heads(q, w.q_norm, visible);
    prepare_heads(k, w.k_norm, visible);
    add(linear(layer, LinearRole::o, attention(layer, visible, q, k, v), shift));
    const Rows m = normalized(w.mlp_norm);
    Rows gate = linear(layer, LinearRole::gate, m, shift);
    const Rows up = linear(layer, LinearRole::up, m, shift);
    for (std::size_t t = 0; t < gate.size(); ++t)
      for (std::size_t c = 0; c < gate[t].size(); ++c)
        gate[t][c] *= up[t][c] / (1 + std::exp(-gate[t][c]));
    add(linear(layer, LinearRole::down, gate, shift));
  }

  double log_probability(const Row& hidden, std::int32_t token) const {
    Row x = hidden;
    normalize(x, final_norm_);
    const Matrix& head = config_.tied_embeddings ? embeddings_ : head_;
    double sum = 0, wanted = 0;
    for (std::size_t v = 0; v < head.rows(); ++v) {
      double logit = 0;
      for (std::size_t c = 0; c < x.size(); ++c) logit += x[c] * double{head(v, c)};
      sum += std::exp(logit);
      if (v == static_cast<std::size_t>(token)) wanted = logit;
    }
    return wanted - std::log(sum);
  }

  ModelConfig config_;
  Matrix embeddings_, head_;
  std::vector<float> final_norm_;
  std::vector<BlockWeights> blocks_;
};

}  // namespace libquant::reference
