#include "libquant/model/kv_cache.h"

#include "libquant/core/error.h"

namespace libquant {

KvCache::KvCache(const ModelConfig& config, std::size_t capacity) : capacity_(capacity) {
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    keys_.emplace_back(capacity, config.kv_heads * config.head_dim);
    values_.emplace_back(capacity, config.kv_heads * config.head_dim);
  }
}

void KvCache::truncate(std::size_t length) {
  require(length <= length_, "truncating a key-value cache of {} tokens to {}", length_, length);
  length_ = length;
}

void KvCache::advance(std::size_t tokens) {
  require(tokens <= capacity_ - length_,
          "appending {} tokens to a key-value cache that holds {} of {}", tokens, length_,
          capacity_);
  length_ += tokens;
}

}  // namespace libquant
