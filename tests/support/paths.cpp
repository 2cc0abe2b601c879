#include "tests/support/paths.h"

namespace libquant::testing {

const std::string& test_folder() {
  static const std::string folder = LIBQUANT_TEST_DIR;
  return folder;
}

}  // namespace libquant::testing
