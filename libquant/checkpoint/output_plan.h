#pragma once

#include <optional>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/checkpoint/tensor_specs.h"
#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// How one tensor is stored.
struct PlannedTensor {
  TensorSpec spec;
  std::optional<Scheme> scheme;  ///< set: packed; empty: dense
  bool act_order = false;        ///< columns are not in contiguous groups
  DType type = DType::bf16;      ///< of a dense tensor
};

/// Throws InvalidArgument for types that the format cannot store tensors of `config` in.
void check_output_types(const ModelConfig& config, const WriteOptions& options);

/// Decides for every tensor of `source`, in canonical order, before anything is written. Throws
/// InvalidArgument for options that the format cannot take and NotSupported for a matrix that it
/// cannot hold, naming the tensor and the formats that can.
std::vector<PlannedTensor> plan_output(const Checkpoint& source, const WriteOptions& options);

/// The scheme that most packed matrices have (the first of equals); empty when none is packed.
std::optional<Scheme> most_frequent_scheme(const std::vector<PlannedTensor>& plan);

}  // namespace libquant
