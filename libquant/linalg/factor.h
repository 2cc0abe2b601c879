#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace libquant {

/// U, upper triangular with H^-1 = U^T U: the factor that GPTQ's updates use (Frantar et al. 2022,
/// step "Cholesky reformulation"), found from one Cholesky of the reversed H and one triangular
/// inverse. `lower` is H's lower triangle, row-major [n x n]. Empty when H is not positive
/// definite.
std::vector<double> inverse_factor(std::span<const double> lower, std::size_t n);

/// In place: the lower triangle of A becomes L with A = L L^T. False when A is not positive
/// definite.
bool cholesky(std::span<double> a, std::size_t n);

}  // namespace libquant
