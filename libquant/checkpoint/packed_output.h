#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libquant/checkpoint/output_plan.h"
#include "libquant/checkpoint/output_tensor.h"
#include "libquant/io/json.h"

namespace libquant {

/// A packed matrix as the parts of its format. The cache must outlive it.
std::unique_ptr<OutputTensor> compressed_tensors_output(const PlannedTensor& tensor,
                                                        CodesCache& cache);
/// `version` 1 or 2 of the format. Always writes g_idx: kernels of GPTQModel expect it.
std::unique_ptr<OutputTensor> gptq_output(const PlannedTensor& tensor, int version,
                                          CodesCache& cache);

/// "quantization_config" of config.json, as vLLM, SGLang and transformers read it.
Json compressed_tensors_config(const std::vector<PlannedTensor>& plan);
Json gptq_config(const std::vector<PlannedTensor>& plan, int version);

/// Scales [rows x groups] as stored; `by_group`: transposed to [groups x rows], as in GPTQ.
std::vector<std::byte> stored_scales(const QuantizedMatrix& matrix, bool by_group,
                                     const std::string& tensor);
/// A [rows x cols] matrix of bytes as [cols x rows].
std::vector<std::uint8_t> transposed(std::span<const std::uint8_t> matrix, std::size_t rows,
                                     std::size_t cols);

}  // namespace libquant
