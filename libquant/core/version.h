#pragma once

#include <string_view>

namespace libquant {

/// Version of the library, as in CMake's project(): "0.1.0".
std::string_view version() noexcept;

}  // namespace libquant
