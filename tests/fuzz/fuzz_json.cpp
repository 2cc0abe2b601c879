#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libquant/core/error.h"
#include "libquant/io/json.h"

using libquant::Json;

// Whatever is read must be written to text that reads back equal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Json value;
  try {
    value = Json::parse({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const libquant::FormatError&) {
    return 0;
  }
  if (Json::parse(value.dump(), "dumped") != value) std::abort();
  if (Json::parse(value.dump(2), "indented") != value) std::abort();
  return 0;
}
