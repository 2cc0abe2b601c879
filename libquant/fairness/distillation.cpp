#include "libquant/fairness/distillation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "libquant/core/error.h"
#include "libquant/fairness/sensitivity.h"

namespace libquant {
namespace {

// Adds a whole item: its rows and scored tokens come after those that are there.
void append(const ProbeTrees& item, ProbeTrees& to) {
  const std::size_t row = GradientPass::count_rows(to.trees), first = to.scored.size();
  to.trees.insert(to.trees.end(), item.trees.begin(), item.trees.end());
  for (const ScoredToken& token : item.scored) to.scored.push_back({row + token.row, token.token});
  for (OptionDistribution distribution : item.distributions) {
    for (auto& option : distribution.options) option.first += first;
    to.distributions.push_back(std::move(distribution));
  }
}

void copy_rows(ConstMatrixView from, MatrixView to) {
  for (std::size_t r = 0; r < from.rows; ++r) std::ranges::copy(from.row(r), to.row(r).begin());
}

MatrixView room_for(const DistillationBatch& batch, const ModelConfig& config, MatrixView room) {
  const std::size_t rows = GradientPass::count_rows(batch.probes.trees) * (config.layers + 1);
  require(rows <= room.rows, "distillation: room for {} rows of hidden states, {} are needed",
          room.rows, rows);
  return room.row_range(0, rows);
}

std::size_t rows_in(MatrixView room, const ModelConfig& config) {
  return room.rows / (config.layers + 1);
}

double divergence(std::span<const double> p, std::span<const double> q) {
  double sum = 0;
  for (std::size_t o = 0; o < p.size(); ++o)
    if (p[o] > 0) sum += p[o] * std::log(p[o] / q[o]);
  return sum;
}

// Of the mean divergence, times `weight`, with respect to the scored log-probabilities.
std::vector<double> coefficients_of(const DistillationBatch& batch,
                                    std::span<const std::vector<double>> changed, double weight) {
  std::vector<double> coefficients(batch.probes.scored.size());
  const double share = weight / static_cast<double>(std::max<std::size_t>(changed.size(), 1));
  for (std::size_t d = 0; d < changed.size(); ++d)
    for (std::size_t o = 0; o < changed[d].size(); ++o) {
      const auto& option = batch.probes.distributions[d].options[o];
      for (std::size_t i = option.first; i < option.first + option.count; ++i)
        coefficients[i] = share * option.weight * (changed[d][o] - batch.answers[d][o]);
    }
  return coefficients;
}

}  // namespace

DistillationSet::DistillationSet(const Tokenizer& tokenizer, const ModelConfig& config,
                                 std::span<const ProbeItem> items, const FairnessOptions& options,
                                 std::span<const std::int32_t> text, std::size_t window)
    : hidden_(config.hidden_size) {
  require(!items.empty() || !text.empty(), "distillation: neither probes nor text");
  for (const ProbeItem& item : items)
    items_.push_back({make_probe_trees(tokenizer, config, {&item, 1}, options), {}});
  for (std::size_t begin = 0; begin < text.size(); begin += window) {
    const auto part = text.subspan(begin, std::min(window, text.size() - begin));
    windows_.push_back({{{part.begin(), part.end()}, {}}, begin});
  }
  teacher_ = Matrix(text.size(), hidden_);
}

std::size_t DistillationSet::part_rows(std::size_t part) const noexcept {
  return part < items_.size() ? GradientPass::count_rows(items_[part].probes.trees)
                              : windows_[part - items_.size()].tree.trunk.size();
}

std::size_t DistillationSet::rows() const noexcept {
  std::size_t sum = 0;
  for (std::size_t part = 0; part < items() + windows(); ++part) sum += part_rows(part);
  return sum;
}

std::size_t DistillationSet::largest_part() const noexcept {
  std::size_t most = 0;
  for (std::size_t part = 0; part < items() + windows(); ++part)
    most = std::max(most, part_rows(part));
  return most;
}

std::vector<std::vector<std::size_t>> DistillationSet::split(std::size_t rows) const {
  std::vector<std::vector<std::size_t>> batches;
  std::size_t used = rows;
  for (std::size_t part = 0; part < items() + windows(); ++part) {
    if (used + part_rows(part) > rows) {
      batches.emplace_back();
      used = 0;
    }
    batches.back().push_back(part);
    used += part_rows(part);
  }
  return batches;
}

DistillationBatch DistillationSet::batch(std::span<const std::size_t> parts) const {
  DistillationBatch batch;
  std::vector<const Window*> text;
  std::size_t tokens = 0;
  for (const std::size_t part : parts) {
    if (part < items_.size()) {
      const Item& item = items_[part];
      append(item.probes, batch.probes);
      batch.answers.insert(batch.answers.end(), item.answers.begin(), item.answers.end());
    } else {
      text.push_back(&windows_[part - items_.size()]);
      tokens += text.back()->tree.trunk.size();
    }
  }
  batch.text_row = GradientPass::count_rows(batch.probes.trees);
  batch.teacher = Matrix(tokens, hidden_);
  std::size_t row = 0;
  for (const Window* window : text) {
    const std::size_t count = window->tree.trunk.size();
    copy_rows(teacher_.view().row_range(window->row, count),
              batch.teacher.view().row_range(row, count));
    batch.probes.trees.push_back(window->tree);
    row += count;
  }
  return batch;
}

void DistillationSet::teach(const WeightSource& original, MatrixView room,
                            const ProgressCallback& progress) {
  const auto parts = split(rows_in(room, original.config()));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const DistillationBatch asked = batch(parts[i]);
    GradientPass pass(original, asked.probes.trees, asked.probes.scored,
                      room_for(asked, original.config(), room));
    const auto inner = [&](const Progress& p) {
      return !progress ||
             progress({"asking the original", static_cast<double>(i) + p.done / p.total,
                       static_cast<double>(parts.size())});
    };
    const auto answers = option_probabilities(asked.probes, pass.forward(inner));
    std::size_t next = 0, row = asked.text_row;
    for (const std::size_t part : parts[i]) {
      if (part < items_.size()) {
        const auto first = answers.begin() + static_cast<std::ptrdiff_t>(next);
        next += items_[part].probes.distributions.size();
        items_[part].answers.assign(first, answers.begin() + static_cast<std::ptrdiff_t>(next));
      } else {
        const Window& window = windows_[part - items_.size()];
        const std::size_t count = window.tree.trunk.size();
        copy_rows(pass.final_states(row, count), teacher_.view().row_range(window.row, count));
        row += count;
      }
    }
  }
}

DistillationLoss distill(const WeightSource& model, const DistillationBatch& batch,
                         double probe_weight, MatrixView room, const WeightGradientVisitor& visit,
                         const ProgressCallback& progress) {
  GradientPass pass(model, batch.probes.trees, batch.probes.scored,
                    room_for(batch, model.config(), room));
  const auto changed = option_probabilities(batch.probes, pass.forward(progress));
  DistillationLoss loss;
  for (std::size_t d = 0; d < changed.size(); ++d)
    loss.probes += divergence(batch.answers[d], changed[d]) / static_cast<double>(changed.size());
  TokenHead::Distilled text;
  const std::size_t tokens = batch.teacher.rows();
  if (tokens > 0) {
    const double share = 1 / static_cast<double>(tokens);
    text = TokenHead(model).distill(batch.teacher, pass.final_states(batch.text_row, tokens),
                                    visit ? share : 0);
    loss.text = share * std::accumulate(text.divergence.begin(), text.divergence.end(), 0.0);
  }
  if (!visit) return loss;

  Matrix gradient = pass.output_gradient(coefficients_of(batch, changed, probe_weight));
  if (tokens > 0) pass.add_final_gradient(batch.text_row, text.gradient, gradient);
  WeightGradients of_weights;
  pass.backward_from(
      std::move(gradient),
      [&](const PassRows& rows) {
        add_weight_gradient(rows.linear, of_weights[static_cast<std::size_t>(rows.linear.role)]);
      },
      [&](std::size_t layer) {
        visit(layer, of_weights);
        of_weights = {};
      },
      progress);
  return loss;
}

DistillationLoss distill_all(const WeightSource& model, const DistillationSet& set, MatrixView room,
                             const ProgressCallback& progress) {
  DistillationLoss sum;
  double tokens = 0, distributions = 0;
  for (const auto& parts : set.split(rows_in(room, model.config()))) {
    const DistillationBatch batch = set.batch(parts);
    const DistillationLoss loss = distill(model, batch, 1, room, {}, progress);
    const auto rows = static_cast<double>(batch.teacher.rows());
    const auto count = static_cast<double>(batch.answers.size());
    sum.text += rows * loss.text;
    sum.probes += count * loss.probes;
    tokens += rows;
    distributions += count;
  }
  if (tokens > 0) sum.text /= tokens;
  if (distributions > 0) sum.probes /= distributions;
  return sum;
}

}  // namespace libquant
