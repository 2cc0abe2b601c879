#include "libquant/core/version.h"

namespace libquant {

std::string_view version() noexcept { return LIBQUANT_VERSION; }

}  // namespace libquant
