#pragma once

#include <cstddef>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/model/config.h"

namespace libquant {

/// Angular frequencies [head_dim / 2] of a sequence of `length` tokens, and the factor on cosines
/// and sines. Rounded to fp32 where transformers' modeling_rope_utils rounds, because that is what
/// the models were trained with.
struct RopeFrequencies {
  std::vector<float> frequencies;
  float attention_factor = 1;
};
RopeFrequencies rope_frequencies(const ModelConfig& config, std::size_t length);

/// Cosines and sines [tokens x head_dim / 2], contiguous rows; points into a RopeTable or `own`.
struct RopeRows {
  const float* cosine = nullptr;
  const float* sine = nullptr;
  Matrix own_cosine, own_sine;
};

/// The rotary embedding of one model. The angle is rounded to fp32 as transformers does, its cosine
/// and sine are computed in double. Immutable, safe from many threads.
class RopeTable {
 public:
  /// Tabulates positions [0, positions); later ones are computed when asked for.
  RopeTable(const ModelConfig& config, std::size_t positions);
  std::size_t positions() const noexcept { return cosine_.rows(); }

  /// Tokens [begin, begin + count) of a sequence that ends there. dynamic and longrope take other
  /// frequencies for sequences beyond the original length; keys that lie in a cache by then keep
  /// theirs, as in transformers.
  RopeRows rows(std::size_t begin, std::size_t count) const;
  /// Whether sequences of both lengths are rotated alike, so that one may continue the other.
  bool same_frequencies(std::size_t length, std::size_t other) const noexcept;

 private:
  ModelConfig config_;
  std::size_t original_length_;  ///< up to here the tabulated frequencies hold
  RopeFrequencies base_;
  Matrix cosine_, sine_;
};

}  // namespace libquant
