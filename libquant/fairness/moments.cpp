#include "libquant/fairness/moments.h"

#include <cmath>

namespace libquant {
namespace {

std::size_t inputs_of(const ModelConfig& config, LinearRole role) {
  if (role == LinearRole::o) return config.heads * config.head_dim;
  return role == LinearRole::down ? config.intermediate_size : config.hidden_size;
}

LinearRole leader(LinearRole role) noexcept {
  switch (role) {
    case LinearRole::k:
    case LinearRole::v:
      return LinearRole::q;
    case LinearRole::up:
      return LinearRole::gate;
    default:
      return role;
  }
}

}  // namespace

bool leads_inputs(LinearRole role) noexcept { return leader(role) == role; }

BlockMoments::BlockMoments(const ModelConfig& config, bool weighted) : weighted_(weighted) {
  for (const LinearRole role : kLinearRoles)
    if (weighted || leads_inputs(role))
      moments_[static_cast<std::size_t>(role)].emplace(inputs_of(config, role));
}

std::size_t BlockMoments::slot(LinearRole role) const noexcept {
  return static_cast<std::size_t>(weighted_ ? role : leader(role));
}

void BlockMoments::add_weighted(const LinearRows& rows) {
  Matrix scaled(rows.x.rows, rows.x.cols);
  std::size_t kept = 0;
  for (std::size_t t = 0; t < rows.x.rows; ++t) {
    double squares = 0;
    for (const float g : rows.gradient.row(t)) squares += double{g} * double{g};
    if (squares == 0) continue;
    const auto weight = static_cast<float>(std::sqrt(squares));
    const auto from = rows.x.row(t);
    const auto to = scaled.row(kept++);
    for (std::size_t c = 0; c < from.size(); ++c) to[c] = weight * from[c];
  }
  if (kept > 0) moments_[slot(rows.role)]->add(scaled.view().row_range(0, kept));
}

void BlockMoments::add(LinearRole role, ConstMatrixView x) { moments_[slot(role)]->add(x); }

const Hessian& BlockMoments::of(LinearRole role) const { return *moments_[slot(role)]; }

}  // namespace libquant
