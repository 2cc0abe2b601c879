#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/pipeline/quantized_checkpoint.h"
#include "libquant/pipeline/refine_options.h"

namespace libquant {

/// One layer on its way: scales and minimums are those of rounding times exp(t), t the row's,
/// rounded to their stored type; and Adam's two running means of each t.
struct LayerScales {
  std::string tensor;
  Scheme scheme;
  std::vector<float> scales0, minimums0;  ///< as rounding left them, [rows x groups]
  std::vector<float> moved;               ///< t, [rows]
  std::vector<float> mean, square;        ///< like `moved`
  std::vector<float> best_scales, best_minimums;

  std::vector<float> scales() const;
  std::vector<float> minimums() const;
};

/// The scales of all quantized layers of a model, and how far their refinement is. 8 bytes a scale
/// and minimum, 12 a row.
class RefinedScales {
 public:
  /// Starts from the parameters of `model`.
  explicit RefinedScales(const QuantizedCheckpoint& model);

  std::size_t parameters() const noexcept;  ///< rows
  /// One Adam step (beta 0.9 and 0.99) of the layers of a block, `of_weights` in the order of
  /// kLinearRoles; `step` counts from 1. Layers that are dense stay as they are.
  void step(QuantizedCheckpoint& model, std::size_t block, std::span<const Matrix> of_weights,
            std::size_t step, double rate);
  void keep_as_best();
  void put_best_into(QuantizedCheckpoint& model) const;
  /// As the steps left them.
  void put_into(QuantizedCheckpoint& model) const;

  /// All of it with the report so far, in one rename; `done`: the best are the result.
  void save(const std::filesystem::path& path, std::string_view fingerprint,
            const RefineReport& report, bool done) const;
  /// Returns false, changing nothing, where there is no such file or it is damaged or of another
  /// run.
  bool load(const std::filesystem::path& path, std::string_view fingerprint, RefineReport& report,
            bool& done);

 private:
  std::vector<LayerScales> layers_;
};

}  // namespace libquant
