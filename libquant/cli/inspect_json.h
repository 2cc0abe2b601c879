#pragma once

#include <string>
#include <string_view>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/io/json.h"
#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant::cli {

std::string_view rope_scaling_name(RopeConfig::Scaling scaling) noexcept;
std::string_view tokenizer_kind_name(TokenizerSpec::Kind kind) noexcept;

/// Everything `inspect` shows, with every tensor.
Json inspect_json(const std::string& path, const Checkpoint& model);

}  // namespace libquant::cli
