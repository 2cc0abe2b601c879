#pragma once

#include <cstddef>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/model/config.h"

namespace libquant {

/// Keys (after rotary embedding) and values of one sequence, per layer [capacity x
/// kv_heads*head_dim]. Takes 8 * layers * kv_heads * head_dim bytes per token of capacity.
class KvCache {
 public:
  KvCache(const ModelConfig& config, std::size_t capacity);

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t layers() const noexcept { return keys_.size(); }
  /// Tokens held by every layer; a forward pass appends, `truncate` forgets the newest ones.
  std::size_t length() const noexcept { return length_; }
  /// InvalidArgument if `length` is more than are held.
  void truncate(std::size_t length);
  /// Declares `tokens` more rows of every layer as held. InvalidArgument beyond the capacity.
  void advance(std::size_t tokens);
  MatrixView keys(std::size_t layer) noexcept { return keys_[layer]; }
  MatrixView values(std::size_t layer) noexcept { return values_[layer]; }

 private:
  std::size_t capacity_;
  std::size_t length_ = 0;
  std::vector<Matrix> keys_, values_;
};

}  // namespace libquant
