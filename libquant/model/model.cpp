#include "libquant/model/model.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "libquant/core/error.h"
#include "libquant/model/load.h"

namespace libquant {
namespace {

constexpr std::string_view kEmbeddings = "model.embed_tokens.weight";
// Beyond this many positions a table costs more memory than computing its rows costs time.
constexpr std::size_t kTabulatedPositions = 8192;

const ModelConfig& checked(const ModelConfig& config) {
  check_config(config);
  return config;
}

void check_token(std::int32_t token, std::size_t vocabulary) {
  require(token >= 0 && static_cast<std::size_t>(token) < vocabulary,
          "token {} is outside the vocabulary of {}", token, vocabulary);
}

}  // namespace

Model::Model(const WeightSource& source, const ModelOptions& options)
    : config_(checked(source.config())),
      rope_(config_, std::min(config_.max_positions, kTabulatedPositions)),
      options_(options) {
  const auto vocabulary_matrix = [&](std::string_view name) {
    return load_linear_layer(source, name, config_.vocabulary_size, config_.hidden_size, false,
                             options_, uses_);
  };
  embeddings_ = vocabulary_matrix("model.embed_tokens");
  if (!config_.tied_embeddings) lm_head_ = vocabulary_matrix("lm_head");
  final_norm_ = load_vector(source, "model.norm.weight", config_.hidden_size);
  blocks_.reserve(config_.layers);
  for (std::size_t layer = 0; layer < config_.layers; ++layer)
    blocks_.push_back(load_block(source, layer, options_, uses_));
}

void Model::check_batch(const TokenBatch& batch, std::span<KvCache* const> caches) const {
  require(caches.empty() || caches.size() == batch.lengths.size(),
          "forward pass over {} sequences with {} caches", batch.lengths.size(), caches.size());
  std::size_t total = 0;
  const std::size_t longest = longest_sequence(config_);
  for (std::size_t s = 0; s < batch.lengths.size(); ++s) {
    const std::size_t length = batch.lengths[s];
    require(length > 0 && length <= batch.tokens.size() - total,
            "forward pass: sequence {} is said to have {} tokens, {} are left", s, length,
            batch.tokens.size() - total);
    total += length;
    std::size_t held = 0;
    if (!caches.empty()) {
      const KvCache* cache = caches[s];
      require(cache != nullptr && cache->layers() == config_.layers,
              "forward pass: sequence {} has no cache of this model's {} layers", s,
              config_.layers);
      held = cache->length();
      require(length <= cache->capacity() - held,
              "forward pass: {} tokens do not fit a cache that holds {} of {}", length, held,
              cache->capacity());
    }
    require(held <= longest && length <= longest - held,
            "forward pass: a sequence of {} tokens, the model takes {}", held + length, longest);
  }
  require(total == batch.tokens.size(), "forward pass: lengths add up to {}, there are {} tokens",
          total, batch.tokens.size());
  for (const std::int32_t token : batch.tokens) check_token(token, config_.vocabulary_size);
}

Matrix Model::embed(std::span<const std::int32_t> tokens) const {
  Matrix hidden(tokens.size(), config_.hidden_size);
  for (std::size_t t = 0; t < tokens.size(); ++t)
    embeddings_->copy_row(static_cast<std::size_t>(tokens[t]), hidden.row(t));
  return hidden;
}

Matrix Model::run(const TokenBatch& batch, std::span<KvCache* const> caches) const {
  check_batch(batch, caches);
  Matrix hidden = embed(batch.tokens);
  const BlockStages stages(config_, rope_);
  for (std::size_t layer = 0; layer < config_.layers; ++layer)
    stages.forward(blocks_[layer], hidden, batch.lengths, layer, caches);
  kernels::rms_norm_f32(hidden.rows(), hidden.cols(), hidden.data(), final_norm_.data(),
                        static_cast<float>(config_.rms_epsilon), hidden.data());
  return hidden;
}

Matrix Model::hidden_states(const TokenBatch& batch, std::span<KvCache* const> caches) const {
  for (std::size_t i = 0; i < caches.size(); ++i)
    require(std::find(caches.begin() + static_cast<std::ptrdiff_t>(i) + 1, caches.end(),
                      caches[i]) == caches.end(),
            "forward pass: two sequences were given the same cache");
  Matrix hidden = run(batch, caches);
  for (std::size_t s = 0; s < caches.size(); ++s) caches[s]->advance(batch.lengths[s]);
  return hidden;
}

Matrix Model::logits(ConstMatrixView hidden) const {
  require(hidden.cols == config_.hidden_size, "logits of hidden states of width {}, expected {}",
          hidden.cols, config_.hidden_size);
  Matrix result(hidden.rows, config_.vocabulary_size);
  (config_.tied_embeddings ? embeddings_ : lm_head_)->apply(hidden, result);
  return result;
}

std::size_t Model::logits_chunk_rows() const noexcept {
  return std::clamp<std::size_t>((std::size_t{1} << 24) / config_.vocabulary_size, 1, 256);
}

std::vector<double> Model::log_probabilities(ConstMatrixView hidden,
                                             std::span<const std::int32_t> targets) const {
  require(hidden.rows == targets.size(), "log-probabilities of {} targets after {} rows",
          targets.size(), hidden.rows);
  for (const std::int32_t target : targets) check_token(target, config_.vocabulary_size);
  std::vector<double> result(targets.size());
  const std::size_t chunk = logits_chunk_rows();
  for (std::size_t begin = 0; begin < targets.size(); begin += chunk) {
    const std::size_t count = std::min(chunk, targets.size() - begin);
    const Matrix scores = logits(hidden.row_range(begin, count));
    kernels::log_sum_exp_f32(count, scores.cols(), scores.data(), result.data() + begin);
    for (std::size_t r = 0; r < count; ++r)
      result[begin + r] =
          double{scores(r, static_cast<std::size_t>(targets[begin + r]))} - result[begin + r];
  }
  return result;
}

Matrix embed_tokens(const WeightSource& source, std::span<const std::int32_t> tokens) {
  const ModelConfig& config = source.config();
  Matrix hidden(tokens.size(), config.hidden_size);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    check_token(tokens[t], config.vocabulary_size);
    const auto row = static_cast<std::size_t>(tokens[t]);
    const MatrixView out = hidden.view().row_range(t, 1);
    source.load_rows(kEmbeddings, row, out);
    check_finite(kEmbeddings, row, out);
  }
  return hidden;
}

}  // namespace libquant
