#include "libquant/fairness/probe_moments.h"

#include <algorithm>
#include <optional>

#include "libquant/core/error.h"
#include "libquant/fairness/sensitivity.h"

namespace libquant {
namespace {

std::int32_t padding_of(const Tokenizer& tokenizer) {
  const TokenizerSpec& spec = tokenizer.spec();
  const std::int32_t token = spec.eos >= 0 ? spec.eos : spec.bos;
  require<NotSupported>(token >= 0, "the tokenizer has neither EOS nor BOS to pad sentences with");
  return token;
}

ProbeTrees trees_for(const WeightSource& source, const Tokenizer& tokenizer,
                     std::span<const ProbeItem> items, std::span<const std::int32_t> text,
                     std::size_t window, const FairnessOptions& options) {
  switch (options.statistic) {
    case ProbeStatistic::neutral:
      return make_text_trees(text, window);
    case ProbeStatistic::pair_differences:
      return make_pair_trees(tokenizer, items,
                             options.mode == FairnessMode::fair_gptq_2509_15206
                                 ? std::optional(padding_of(tokenizer))
                                 : std::nullopt);
    default:
      return make_probe_trees(tokenizer, source.config(), items, options);
  }
}

}  // namespace

ProbeMoments::ProbeMoments(const WeightSource& source, const Tokenizer& tokenizer,
                           std::span<const ProbeItem> items, std::span<const std::int32_t> text,
                           std::size_t window, const FairnessOptions& options)
    : source_(source),
      options_(options),
      probes_(trees_for(source, tokenizer, items, text, window, options)) {
  if (options.statistic == ProbeStatistic::pair_differences)
    pairs_ = options.mode == FairnessMode::fair_gptq_2509_15206 ? positional_rows(probes_)
                                                                : aligned_rows(probes_);
  std::ranges::sort(pairs_);
  summary_ = {items.size(), probes_.distributions.size(), GradientPass::count_rows(probes_.trees),
              pairs_.size()};
}

void ProbeMoments::run(MatrixView room, const OnBlock& on_block, const ProgressCallback& progress) {
  const bool weighted = options_.statistic == ProbeStatistic::sensitivity ||
                        options_.statistic == ProbeStatistic::neutral;
  if (weighted) {
    run_sensitivity(room, on_block, progress);
  } else {
    run_plain(room, on_block, progress);
  }
}

void ProbeMoments::run_sensitivity(MatrixView room, const OnBlock& on_block,
                                   const ProgressCallback& progress) {
  GradientPass pass(source_, probes_.trees, probes_.scored, room);
  const auto part = [&](double begin) {
    return [&progress, begin](const Progress& inner) {
      // A backward pass computes the forward pass again, and two products for every one of it.
      const double share = begin == 0 ? 0.25 : 0.75;
      return !progress || progress({inner.stage, begin + share * inner.done / inner.total, 1.0});
    };
  };
  const std::vector<double> logs = pass.forward(part(0));
  const std::vector<double> coefficients = options_.statistic == ProbeStatistic::neutral
                                               ? text_coefficients(probes_, options_.seed)
                                               : fisher_coefficients(probes_, logs, options_.seed);
  std::optional<BlockMoments> moments;
  pass.backward(
      coefficients,
      [&](const PassRows& rows) {
        if (!moments) moments.emplace(source_.config(), true);
        moments->add_weighted(rows.linear);
      },
      [&](std::size_t layer) {
        on_block(layer, *moments);
        moments.reset();
      },
      part(0.25));
}

void ProbeMoments::add_differences(BlockMoments& moments, const PassRows& rows) const {
  const std::size_t end = rows.first_row + rows.linear.x.rows;
  const auto first = std::ranges::lower_bound(pairs_, RowPair{rows.first_row, 0});
  const auto last = std::ranges::lower_bound(pairs_, RowPair{end, 0});
  if (first == last) return;
  Matrix differences(static_cast<std::size_t>(last - first), rows.linear.x.cols);
  for (auto pair = first; pair != last; ++pair) {
    const auto a = rows.linear.x.row(pair->first - rows.first_row);
    const auto b = rows.linear.x.row(pair->second - rows.first_row);
    const auto out = differences.row(static_cast<std::size_t>(pair - first));
    for (std::size_t c = 0; c < out.size(); ++c) out[c] = a[c] - b[c];
  }
  moments.add(rows.linear.role, differences);
}

void ProbeMoments::run_plain(MatrixView room, const OnBlock& on_block,
                             const ProgressCallback& progress) {
  GradientPass pass(source_, probes_.trees, {}, room);
  std::optional<BlockMoments> moments;
  pass.forward(
      progress,
      [&](const PassRows& rows) {
        if (!leads_inputs(rows.linear.role)) return;
        if (!moments) moments.emplace(source_.config(), false);
        if (options_.statistic == ProbeStatistic::pair_differences) {
          add_differences(*moments, rows);
        } else {
          moments->add(rows.linear.role, rows.linear.x);
        }
      },
      [&](std::size_t layer) {
        on_block(layer, *moments);
        moments.reset();
      });
}

}  // namespace libquant
