#pragma once

#include <cstddef>

namespace libquant::kernels {

/// Scratch memory of the calling thread, kept between calls and freed when the thread ends. Each
/// slot is one block; asking for more than it holds replaces it and loses its contents.
enum class Scratch { left, right, extra };

/// At least `bytes` bytes, aligned to a cache line. Ends the process where memory is exhausted:
/// the callers are noexcept and bound their requests to a few megabytes.
void* scratch(Scratch slot, std::size_t bytes) noexcept;

}  // namespace libquant::kernels
