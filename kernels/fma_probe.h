#pragma once

#include <cstddef>

namespace libquant::kernels {

/// Widest vectors of this machine, in bits.
int fma_probe_bits() noexcept;

/// Independent fused multiply-adds in registers at the machine's full vector width, or at `bits`
/// that it has: the most that one core can do. Each returns the floating-point operations done, 2
/// per multiply-add and lane.
double run_fma_f32(std::size_t rounds, int bits = fma_probe_bits()) noexcept;
double run_fma_f64(std::size_t rounds) noexcept;

/// Floating-point operations per second of run_fma_f32 on all kernel threads at once: the best of
/// several runs within about `seconds`.
double fma_flops_per_second(double seconds) noexcept;

}  // namespace libquant::kernels
