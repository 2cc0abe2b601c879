#pragma once

#include <cstddef>
#include <string_view>

#include "libquant/core/dtype.h"
#include "libquant/pipeline/quantize_model.h"

namespace libquant::cli {

/// "REGEX:bits=8,group=32,zero=asymmetric,damping=0.02" or "REGEX:ignore"; the pattern ends at the
/// last colon. InvalidArgument with the form expected.
LayerOverride override_from(std::string_view text);

/// "64", or "row" (and "0") for the whole row.
std::size_t group_size_from(std::string_view text);

/// "bf16", "f16", "f32" (and "q8_0" where `quantized`).
DType stored_type_from(std::string_view text, bool quantized);

}  // namespace libquant::cli
