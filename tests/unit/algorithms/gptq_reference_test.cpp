#include "tests/reference/gptq_reference.h"

#include <Eigen/Dense>
#include <algorithm>
#include <string>

#include "libquant/algorithms/quantize_layer.h"
#include "tests/support/catch.h"
#include "tests/support/layer_data.h"
#include "tests/support/schemes.h"
#include "tests/support/thread_count.h"

using namespace libquant;

namespace {

Eigen::MatrixXd symmetric(const Hessian& hessian) {
  const auto n = static_cast<Eigen::Index>(hessian.size());
  Eigen::MatrixXd h(n, n);
  const std::span<const double> lower = hessian.lower();
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j <= i; ++j)
      h(i, j) = h(j, i) = lower[static_cast<std::size_t>(i * n + j)];
  return h;
}

Eigen::MatrixXd as_double(const Matrix& m) {
  Eigen::MatrixXd out(static_cast<Eigen::Index>(m.rows()), static_cast<Eigen::Index>(m.cols()));
  for (std::size_t r = 0; r < m.rows(); ++r)
    for (std::size_t c = 0; c < m.cols(); ++c)
      out(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = double{m(r, c)};
  return out;
}

struct Comparison {
  std::size_t rows = 0;
  std::size_t rows_with_near_tie = 0;
  std::string first_difference;  // in a row without a near tie before it
};

bool same_grid(const reference::Grid& want, const GroupParameters& got, ZeroKind kind) {
  if (want.scale != got.scale) return false;
  return kind == ZeroKind::minimum ? want.minimum == got.minimum : want.zero == got.zero;
}

// A near tie may tip either way and changes the rest of its row; everything before it must agree.
void compare(const reference::GptqResult& want, const QuantizedMatrix& got, Comparison& into) {
  const std::size_t width = got.scheme.columns_per_group(got.cols);
  for (std::size_t r = 0; r < got.rows; ++r) {
    ++into.rows;
    for (std::size_t i = 0; i < got.cols; ++i) {
      if (want.near_ties[r][i] != 0) {
        ++into.rows_with_near_tie;
        break;
      }
      const std::size_t column = want.order[i];
      const std::size_t group = column / width;
      const bool same = want.codes[r][column] == got.codes[r * got.cols + column] &&
                        same_grid(want.grids[r][group], got.parameters(r, group), got.scheme.zero);
      if (!same && into.first_difference.empty())
        into.first_difference = to_string(got.scheme) + " row " + std::to_string(r) + " position " +
                                std::to_string(i) + " column " + std::to_string(column);
    }
  }
}

struct Layer {
  Layer(std::size_t rows, std::size_t cols, std::size_t tokens, std::uint64_t seed)
      : weights(test_support::random_weights(rows, cols, seed)), hessian(cols) {
    hessian.add(test_support::correlated_activations(tokens, cols, seed + 1));
    h = symmetric(hessian);
    w = as_double(weights);
  }

  Matrix weights;
  Hessian hessian;
  Eigen::MatrixXd h, w;
};

reference::Visit visit_of(ActOrder order) {
  return order == ActOrder::none    ? reference::Visit::stored
         : order == ActOrder::group ? reference::Visit::group
                                    : reference::Visit::all;
}

void check_layer(const Layer& layer, const LayerOptions& options, Comparison& total) {
  Metric metric(layer.hessian);
  const LayerResult got = quantize_layer(layer.weights, metric, options, "layer");
  REQUIRE(got.report.fallback.empty());
  INFO(to_string(options.scheme) << " clip " << options.clip.steps << " order "
                                 << to_string(options.act_order));
  // Two bits in stored order: fitted as updated, the last groups inherit so much that they clip.
  if (options.scheme.bits > 2 || options.act_order != ActOrder::none)
    CHECK(got.report.error < got.report.rtn_error);
  const reference::GptqResult want =
      reference::gptq(layer.w, layer.h,
                      {.grid = test_support::rules_for(options.scheme, options.clip),
                       .group = options.scheme.group_size,
                       .visit = visit_of(options.act_order),
                       .damping = options.damping,
                       .weighted_clip = options.clip.weighted});
  compare(want, got.matrix, total);
}

constexpr ActOrder kOrders[] = {ActOrder::none, ActOrder::group, ActOrder::static_all};

}  // namespace

TEST_CASE("GPTQ gives the codes of an explicit-inverse GPTQ for every grid, group and order",
          "[algorithms]") {
  const test_support::ThreadCount one(1);  // threads only cost time at this size
  const Layer layer(7, 256, 700, 11);
  Comparison total;
  for (const int bits : test_support::kAllBits)
    for (const std::size_t group : test_support::kAllGroups)
      for (const ZeroKind zero : test_support::kAllZeros)
        for (const ActOrder order : kOrders)
          for (const int steps : {0, 20}) {
            LayerOptions options;
            options.scheme = {.bits = bits, .group_size = group, .zero = zero};
            options.clip = {
                .steps = steps,
            };
            options.act_order = order;
            check_layer(layer, options, total);
          }
  INFO(total.rows_with_near_tie << " of " << total.rows << " rows have a near tie");
  CHECK(total.first_difference == "");
  CHECK(total.rows_with_near_tie * 1000 <= total.rows);
}

TEST_CASE("GPTQ agrees with the explicit inverse for other scale types, blocks, damping and clips",
          "[algorithms]") {
  const test_support::ThreadCount one(1);
  const Layer layer(5, 192, 300, 23);
  Comparison total;
  for (const ScaleType type : test_support::kAllScaleTypes)
    for (const ZeroKind zero : test_support::kAllZeros)
      for (const ActOrder order : kOrders)
        for (const std::size_t block : {1, 48, 64, 100, 8192}) {
          LayerOptions options;
          options.scheme = {.bits = 3, .group_size = 64, .zero = zero, .scale_type = type};
          options.scheme.zero_min = zero == ZeroKind::asymmetric ? 1 : 0;
          options.clip = {.steps = 16,
                          .max_shrink = 0.5,
                          .norm = block == 100 ? 2.4 : 2.0,
                          .weighted = block != 48};
          options.act_order = order;
          options.block_columns = block;
          options.damping = block == 48 ? 0.1 : 0.001;
          check_layer(layer, options, total);
        }
  INFO(total.rows_with_near_tie << " of " << total.rows << " rows have a near tie");
  CHECK(total.first_difference == "");
  CHECK(total.rows_with_near_tie * 1000 <= total.rows);
}
