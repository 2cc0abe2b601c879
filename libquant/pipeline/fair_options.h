#pragma once

#include <string_view>

#include "libquant/fairness/options.h"
#include "libquant/io/json.h"

namespace libquant {

/// Keys are the members' names, "probes" a list of paths, "search" an object; all may be absent,
/// unknown ones are errors. `source` names the text in errors.
FairnessOptions fairness_options_from_json(const Json& json, std::string_view source);
Json to_json(const FairnessOptions& options);
Json to_json(const SearchOptions& options);

}  // namespace libquant
