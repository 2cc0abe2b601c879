#pragma once
// Where the tests' own files lie. A function rather than a macro on every compiler line: with the
// macro, no compiled test could be taken from ccache in a second clone.

#include <string>

namespace libquant::testing {

/// The absolute path of the folder tests/.
const std::string& test_folder();

}  // namespace libquant::testing
