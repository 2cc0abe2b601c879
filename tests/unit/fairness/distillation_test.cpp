#include "libquant/fairness/distillation.h"

#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <vector>

#include "libquant/algorithms/quantize_layer.h"
#include "libquant/core/error.h"
#include "libquant/fairness/sensitivity.h"
#include "libquant/quant/parameter_gradient.h"
#include "tests/reference/decoder.h"
#include "tests/support/catch.h"
#include "tests/support/thread_count.h"
#include "tests/support/tiny_checkpoint.h"

namespace libquant {
namespace {

using testing::TinyCheckpoint;

constexpr std::size_t kWindow = 5;
constexpr double kProbeWeight = 3;

ProbeItem item_of(const std::string& id, const std::string& prompt,
                  const std::vector<std::string>& answers) {
  ProbeItem item;
  item.id = id;
  item.set = "test";
  item.template_id = id;
  item.prompt = prompt;
  for (const auto& text : answers) item.options.push_back({text, OptionRole::none});
  return item;
}

std::vector<ProbeItem> probe_items() {
  ProbeItem pair = item_of("pair", "", {"a man", "a nun"});
  pair.form = ItemForm::sentences;
  pair.options[0].role = OptionRole::stereotype;
  pair.options[1].role = OptionRole::anti;
  return {item_of("first", "Who?", {"me", "her", "no"}), pair,
          item_of("third", "Is it so?", {"y", "not"})};
}

/// A model, its original, and every quantized matrix.
struct Case {
  TinyCheckpoint original, changed;
  std::map<std::string, QuantizedMatrix> matrices;
  Tokenizer tokenizer{original.spec};
  std::vector<std::int32_t> text = testing::random_tokens(3 * kWindow, 256, 7);
  DistillationSet set{tokenizer, original.config(), probe_items(), {}, text, kWindow};
  Matrix room;

  explicit Case(ZeroKind zero) {
    for (std::size_t block = 0; block < original.config().layers; ++block)
      for (const LinearRole role : kLinearRoles) {
        const std::string name = linear_name(block, role) + ".weight";
        LayerOptions options;
        options.method = Method::rtn;
        options.scheme = {.bits = 3, .group_size = 32, .zero = zero};
        matrices[name] =
            quantize_layer(original.weights.tensors.at(name), nullptr, options, name).matrix;
        put(name, matrices[name]);
      }
    room = Matrix((original.config().layers + 1) * set.rows(), original.config().hidden_size);
    set.teach(original, room);
  }
  void put(const std::string& name, const QuantizedMatrix& matrix) {
    changed.weights.tensors[name] = dequantize(matrix);
  }
  std::vector<std::size_t> all() const {
    std::vector<std::size_t> parts(set.items() + set.windows());
    std::iota(parts.begin(), parts.end(), std::size_t{0});
    return parts;
  }
};

/// The loss as its definition says, from a decoder in double that scores every token.
DistillationLoss reference_loss(const WeightSource& original, const WeightSource& changed,
                                const DistillationBatch& batch) {
  const reference::Decoder one(original), other(changed);
  const auto p = option_probabilities(
      batch.probes, one.log_probabilities(batch.probes.trees, batch.probes.scored));
  const auto q = option_probabilities(
      batch.probes, other.log_probabilities(batch.probes.trees, batch.probes.scored));
  DistillationLoss loss;
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t o = 0; o < p[i].size(); ++o)
      loss.probes += p[i][o] * std::log(p[i][o] / q[i][o]) / static_cast<double>(p.size());

  std::vector<ScoredToken> scored;
  const std::size_t rows = GradientPass::count_rows(batch.probes.trees);
  const std::size_t vocabulary = original.config().vocabulary_size;
  for (std::size_t row = batch.text_row; row < rows; ++row)
    for (std::size_t v = 0; v < vocabulary; ++v)
      scored.push_back({row, static_cast<std::int32_t>(v)});
  const auto a = one.log_probabilities(batch.probes.trees, scored);
  const auto b = other.log_probabilities(batch.probes.trees, scored);
  for (std::size_t i = 0; i < a.size(); ++i) loss.text += std::exp(a[i]) * (a[i] - b[i]);
  loss.text *= static_cast<double>(vocabulary) / static_cast<double>(a.size());
  return loss;
}

TEST_CASE("the distillation loss is the divergence that a decoder in double finds", "[fairness]") {
  Case c(ZeroKind::asymmetric);
  const DistillationBatch batch = c.set.batch(c.all());
  CHECK(batch.answers.size() == 3);
  CHECK(batch.teacher.rows() == 3 * kWindow);
  const DistillationLoss want = reference_loss(c.original, c.changed, batch);
  const DistillationLoss found = distill(c.changed, batch, kProbeWeight, c.room);
  // Logits of order one in fp32, off by some 1e-6 each; so are differences of their logarithms.
  CHECK(want.text > 0.01);
  CHECK(want.probes > 1e-4);
  CHECK(std::fabs(found.text - want.text) < 2e-5);
  CHECK(std::fabs(found.probes - want.probes) < 2e-5);
  CHECK(found.total(kProbeWeight) == found.text + kProbeWeight * found.probes);
  const DistillationLoss none = distill(c.original, batch, kProbeWeight, c.room);
  CHECK(none.text < 1e-6);
  CHECK(none.probes < 1e-6);
}

TEST_CASE("gradients of scales and minimums are the derivatives of that loss", "[fairness]") {
  for (const ZeroKind zero : {ZeroKind::symmetric, ZeroKind::minimum}) {
    Case c(zero);
    const std::vector<std::size_t> parts{0, 1, 4};
    const DistillationBatch batch = c.set.batch(parts);
    std::map<std::string, std::vector<double>> of_scales, of_minimums;
    distill(c.changed, batch, kProbeWeight, c.room,
            [&](std::size_t block, const WeightGradients& of_weights) {
              for (const LinearRole role : kLinearRoles) {
                const std::string name = linear_name(block, role) + ".weight";
                const QuantizedMatrix& matrix = c.matrices.at(name);
                of_scales[name].resize(matrix.scales.size());
                of_minimums[name].resize(matrix.minimums.size());
                parameter_gradient(of_weights[static_cast<std::size_t>(role)], matrix,
                                   of_scales[name], of_minimums[name]);
              }
            });
    REQUIRE(of_scales.size() == 14);
    // Central differences along a random direction, each parameter by about h times the scale:
    // their own error is of order h^2, weights rounded to fp32 add 6e-8 / h each with changing
    // signs, the backward pass in fp32 some 1e-5; all measured on the length of the gradient.
    constexpr double kStep = 1e-3, kTolerance = 5e-3;
    Rng rng(3);
    for (const auto& [name, gradient] : of_scales) {
      const QuantizedMatrix kept = c.matrices.at(name);
      QuantizedMatrix above = kept, below = kept;
      double projected = 0, length = 0;
      const auto move = [&](float& up, float& down, double unit, double slope) {
        const double direction = rng.normal() * unit;
        up = static_cast<float>(double{up} + kStep * direction);
        down = static_cast<float>(double{down} - kStep * direction);
        projected += direction * slope;
        length += unit * unit * slope * slope;
      };
      for (std::size_t i = 0; i < gradient.size(); ++i)
        move(above.scales[i], below.scales[i], double{kept.scales[i]}, gradient[i]);
      for (std::size_t i = 0; i < kept.minimums.size(); ++i)
        move(above.minimums[i], below.minimums[i], double{kept.scales[i]}, of_minimums.at(name)[i]);
      c.put(name, above);
      const double high = reference_loss(c.original, c.changed, batch).total(kProbeWeight);
      c.put(name, below);
      const double low = reference_loss(c.original, c.changed, batch).total(kProbeWeight);
      c.put(name, kept);
      INFO(name << ", " << to_string(zero));
      CHECK(length > 0);
      CHECK(std::fabs((high - low) / (2 * kStep) - projected) <= kTolerance * std::sqrt(length));
    }
  }
}

TEST_CASE("a whole set in parts gives the mean over all of it, at any thread count", "[fairness]") {
  Case c(ZeroKind::symmetric);
  const DistillationLoss whole = distill(c.changed, c.set.batch(c.all()), 1, c.room);
  const std::size_t rows = c.set.largest_part() + kWindow;
  CHECK(c.set.split(rows).size() > 2);
  Matrix small((c.original.config().layers + 1) * rows, c.original.config().hidden_size);
  c.set.teach(c.original, small);
  const DistillationLoss parts = distill_all(c.changed, c.set, small);
  CHECK(parts.text == Approx(whole.text).epsilon(1e-4));
  CHECK(parts.probes == Approx(whole.probes).epsilon(1e-4));
  for (const int threads : {1, 3}) {
    const test_support::ThreadCount guard(threads);
    const DistillationLoss again = distill_all(c.changed, c.set, small);
    CHECK(again.text == parts.text);
    CHECK(again.probes == parts.probes);
  }
}

TEST_CASE("text alone and probes alone leave the other loss at zero", "[fairness]") {
  Case c(ZeroKind::symmetric);
  const auto model = c.original.config();
  DistillationSet text(c.tokenizer, model, {}, {}, c.text, kWindow);
  text.teach(c.original, c.room);
  std::size_t blocks = 0;
  const std::vector<std::size_t> parts{0, 1};
  const DistillationLoss of_text =
      distill(c.changed, text.batch(parts), 1, c.room,
              [&](std::size_t, const WeightGradients& g) { blocks += g[6].empty() ? 0 : 1; });
  CHECK(blocks == 2);
  CHECK(of_text.text > 0);
  CHECK(of_text.probes == 0);
  DistillationSet probes(c.tokenizer, model, probe_items(), {}, {}, kWindow);
  probes.teach(c.original, c.room);
  const DistillationLoss of_probes = distill(c.changed, probes.batch(parts), 1, c.room);
  CHECK(of_probes.text == 0);
  CHECK(of_probes.probes > 0);
  CHECK_THROWS_AS(DistillationSet(c.tokenizer, model, {}, {}, {}, kWindow), InvalidArgument);
  Matrix tiny(3, model.hidden_size);
  CHECK_THROWS_AS(distill(c.changed, text.batch(parts), 1, tiny), InvalidArgument);
}

}  // namespace
}  // namespace libquant
