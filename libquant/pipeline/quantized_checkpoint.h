#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/pipeline/block_file.h"

namespace libquant {

/// Of codes and group parameters, as packed formats store them.
double stored_bits(const Scheme& scheme, std::size_t rows, std::size_t cols);

/// A source with some matrices replaced by the codes in finished block files: what the writers see.
/// Holds one matrix in memory at a time. Layers that were kept dense are read from the source.
class QuantizedCheckpoint final : public Checkpoint {
 public:
  /// `source` must outlive it.
  QuantizedCheckpoint(const Checkpoint& source, std::vector<std::unique_ptr<BlockFile>> blocks);

  const ModelConfig& config() const override { return source_.config(); }
  std::vector<std::string> names() const override { return source_.names(); }
  bool has(std::string_view name) const override { return source_.has(name); }
  Info info(std::string_view name) const override;
  void load_rows(std::string_view name, std::size_t row_begin, MatrixView out) const override;
  std::optional<QuantizedMatrix> quantized(std::string_view name) const override;
  std::string type_name() const override;

  const TokenizerSpec& tokenizer() const override { return source_.tokenizer(); }
  std::string format() const override { return source_.format(); }
  std::string content_hash() const override { return source_.content_hash(); }
  const SourceFiles& source_files() const override { return source_.source_files(); }
  const Json& generation_config() const override { return source_.generation_config(); }
  void release(std::string_view name) const override { source_.release(name); }

  /// Other group parameters for the codes of a matrix, [rows x groups], as long as this lives;
  /// `minimums` is empty for kinds without them. Not safe beside readers. InvalidArgument for a
  /// matrix that is not quantized or has others.
  void set_parameters(const std::string& name, std::vector<float> scales,
                      std::vector<float> minimums);

 private:
  struct Held {
    const BlockFile* file;
    const NamedLayerReport* report;
    std::vector<float> scales, minimums;  ///< empty: as in the file
  };
  const Held* find(std::string_view name) const;
  static QuantizedMatrix read(const Held& held);
  std::shared_ptr<const QuantizedMatrix> matrix(std::string_view name, const Held& held) const;

  const Checkpoint& source_;
  std::vector<std::unique_ptr<BlockFile>> blocks_;
  std::unordered_map<std::string, Held> held_;  ///< by tensor name
  mutable std::mutex mutex_;
  mutable std::string last_name_;
  mutable std::shared_ptr<const QuantizedMatrix> last_;
};

}  // namespace libquant
