#include "libquant/pipeline/quantized_checkpoint.h"

#include <map>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {

double stored_bits(const Scheme& scheme, std::size_t rows, std::size_t cols) {
  const double stored = scheme.scale_type == ScaleType::f32 ? 32 : 16;
  const double zero = scheme.zero == ZeroKind::asymmetric ? scheme.bits : 0;
  const double group = stored + zero + (scheme.zero == ZeroKind::minimum ? stored : 0);
  return static_cast<double>(rows * cols) * scheme.bits +
         static_cast<double>(rows * scheme.groups(cols)) * group;
}

QuantizedCheckpoint::QuantizedCheckpoint(const Checkpoint& source,
                                         std::vector<std::unique_ptr<BlockFile>> blocks)
    : source_(source), blocks_(std::move(blocks)) {
  for (const auto& block : blocks_)
    for (const auto& report : block->reports())
      held_.emplace(report.name + ".weight", Held{block.get(), &report, {}, {}});
}

const QuantizedCheckpoint::Held* QuantizedCheckpoint::find(std::string_view name) const {
  const auto at = held_.find(std::string(name));
  return at == held_.end() ? nullptr : &at->second;
}

WeightSource::Info QuantizedCheckpoint::info(std::string_view name) const {
  Info info = source_.info(name);
  if (const Held* held = find(name)) {
    info.type = to_string(held->report->scheme);
    info.quantized = true;
    info.bytes =
        static_cast<std::size_t>(stored_bits(held->report->scheme, info.rows, info.cols) / 8);
  }
  return info;
}

QuantizedMatrix QuantizedCheckpoint::read(const Held& held) {
  QuantizedMatrix matrix = held.file->matrix(held.report->name);
  if (!held.scales.empty()) {
    matrix.scales = held.scales;
    matrix.minimums = held.minimums;
  }
  return matrix;
}

void QuantizedCheckpoint::set_parameters(const std::string& name, std::vector<float> scales,
                                         std::vector<float> minimums) {
  const auto at = held_.find(name);
  require(at != held_.end(), "{} is not quantized", name);
  Held& held = at->second;
  const Info info = source_.info(name);
  const Scheme& scheme = held.report->scheme;
  const std::size_t count = info.rows * scheme.groups(info.cols);
  require(
      scales.size() == count && minimums.size() == (scheme.zero == ZeroKind::minimum ? count : 0),
      "{}: {} scales and {} minimums for {} groups", name, scales.size(), minimums.size(), count);
  const std::lock_guard lock(mutex_);
  held.scales = std::move(scales);
  held.minimums = std::move(minimums);
  last_.reset();
}

std::shared_ptr<const QuantizedMatrix> QuantizedCheckpoint::matrix(std::string_view name,
                                                                   const Held& held) const {
  const std::lock_guard lock(mutex_);
  if (last_ == nullptr || last_name_ != name) {
    last_.reset();
    last_ = std::make_shared<const QuantizedMatrix>(read(held));
    last_name_ = name;
  }
  return last_;
}

void QuantizedCheckpoint::load_rows(std::string_view name, std::size_t row_begin,
                                    MatrixView out) const {
  if (const Held* held = find(name))
    dequantize_rows(*matrix(name, *held), row_begin, out);
  else
    source_.load_rows(name, row_begin, out);
}

std::optional<QuantizedMatrix> QuantizedCheckpoint::quantized(std::string_view name) const {
  const Held* held = find(name);
  if (held == nullptr) return std::nullopt;
  return read(*held);
}

std::string QuantizedCheckpoint::type_name() const {
  std::map<std::string, std::size_t> counts;
  for (const auto& [name, held] : held_) ++counts[to_string(held.report->scheme)];
  std::string best;
  std::size_t most = 0;
  for (const auto& [type, count] : counts)
    if (count > most) {
      most = count;
      best = type;
    }
  return best.empty() ? source_.type_name() : best;
}

}  // namespace libquant
