#pragma once

#include <cstddef>
#include <filesystem>

#include "libquant/core/matrix.h"

namespace libquant {

/// Room for the inputs of one linear layer over all calibration tokens, in a mapped file without a
/// name: it costs no anonymous memory, and vanishes with the process however that ends.
class ScratchActivations {
 public:
  ScratchActivations() = default;
  /// Reserves disk blocks for [tokens x width] values at once, so that a full disk is an Error here
  /// and not a signal later.
  ScratchActivations(const std::filesystem::path& folder, std::size_t tokens, std::size_t width);
  ScratchActivations(ScratchActivations&& other) noexcept;
  ScratchActivations& operator=(ScratchActivations&& other) noexcept;
  ~ScratchActivations();

  /// [tokens x width] over the same bytes, for any width up to the constructor's.
  MatrixView view(std::size_t width) const noexcept { return {data_, tokens_, width, width}; }

 private:
  float* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t tokens_ = 0;
};

}  // namespace libquant
