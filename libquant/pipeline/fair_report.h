#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "libquant/io/json.h"

namespace libquant {

/// An input column and its share of a layer's probe error.
struct FairColumn {
  std::size_t column = 0;
  double share = 0;  ///< of sum_c H_D(c,c) |q_c - w_c|^2
};

/// What the fairness term did to one layer. Errors are relative: tr(D M D^T) / tr(W M W^T).
struct FairLayerReport {
  double alpha = 0;                 ///< as used; 0: plain, out of scope or left out
  double trace_ratio = 0;           ///< tr(H_D) / tr(H)
  bool skipped = false;             ///< H_D has trace zero
  double reconstruction = 0;        ///< D = Q - W, M = H
  double probe_error = 0;           ///< D = Q - W, M = H_D
  double probe_left = 0;            ///< D = Q, M = H_D: 1 = what H_D measures is kept, 0 = erased
  double moved = 0;                 ///< |W* - W|^2 / |W|^2
  std::vector<FairColumn> columns;  ///< the five that carry most of the probe error
};

/// The fairness term of a whole run.
struct FairReport {
  struct Set {
    std::string name, licence, content_hash;
    std::size_t items = 0, skipped = 0;
  };
  std::vector<Set> sets;
  std::string mode, statistic, control;
  double strength = 0, keep = 1;
  std::size_t items = 0;          ///< used for H_D, all of the calibrate split
  std::size_t distributions = 0;  ///< softmaxes over options
  std::size_t rows = 0;           ///< tokens of the statistics pass
  std::size_t pairs = 0;          ///< aligned tokens
  std::size_t skipped_layers = 0;
  double statistics_seconds =
      0;  ///< of the pass over the original model; 0 where kept from earlier
  std::vector<std::uint64_t> templates;  ///< template_hashes() of the items: see check_disjoint()
};

/// Templates whose items a model was made with, be it for statistics or to choose its settings (its
/// quantize_report.json lies in its folder, or in the one above where a run wrote several formats);
/// empty for any other model.
std::vector<std::uint64_t> templates_behind(const std::filesystem::path& model);

Json template_hashes_to_json(const std::vector<std::uint64_t>& hashes);
std::vector<std::uint64_t> template_hashes_from_json(const Json& json);

Json to_json(const FairLayerReport& report);
FairLayerReport fair_layer_report_from_json(const Json& json);
Json to_json(const FairReport& report);
FairReport fair_report_from_json(const Json& json);

}  // namespace libquant
