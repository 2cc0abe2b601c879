#include "libquant/scoring/probe_item.h"

namespace libquant {

std::string_view to_string(OptionRole role) noexcept {
  switch (role) {
    case OptionRole::stereotype:
      return "stereotype";
    case OptionRole::anti:
      return "anti";
    case OptionRole::unknown:
      return "unknown";
    case OptionRole::unrelated:
      return "unrelated";
    case OptionRole::none:
      break;
  }
  return "none";
}

std::string_view to_string(Condition condition) noexcept {
  switch (condition) {
    case Condition::ambiguous:
      return "ambiguous";
    case Condition::disambiguated:
      return "disambiguated";
    case Condition::none:
      break;
  }
  return "none";
}

}  // namespace libquant
