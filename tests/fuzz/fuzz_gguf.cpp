#include <cstddef>
#include <cstdint>
#include <span>

#include "libquant/core/error.h"
#include "libquant/io/gguf_parse.h"
#include "tests/fuzz/decode_all.h"

// The bytes go to the parser as they are: behind a mapped file, reading a little too far would go
// unseen.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    libquant::fuzz::decode_all(
        libquant::parse_gguf(std::as_bytes(std::span(data, size)), "input").tensors);
  } catch (const libquant::FormatError&) {
  } catch (const libquant::NotSupported&) {
  }
  return 0;
}
