#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "libquant/core/error.h"
#include "libquant/io/text.h"

namespace libquant {

static_assert(std::endian::native == std::endian::little,
              "safetensors and GGUF are little-endian, and are read without swapping");

/// A little-endian value at any address; checks nothing.
template <typename T>
T load(const std::byte* from) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void append_bytes(std::string& to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  to.append(raw, sizeof value);
}

inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Walks over the bytes of a file; every read is checked against what is left. `what` names the
/// thing being read in the FormatError of a file that ends too early.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string_view source)
      : bytes_(bytes), source_(source) {}

  std::size_t position() const noexcept { return position_; }
  std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  std::string_view source() const noexcept { return source_; }

  std::span<const std::byte> take(std::size_t count, std::string_view what) {
    require<FormatError>(count <= remaining(),
                         "{}: reading {} at byte {}: expected {} bytes, found only {} to the end",
                         source_, printable(what), position_, count, remaining());
    const auto part = bytes_.subspan(position_, count);
    position_ += count;
    return part;
  }

  template <typename T>
  T read(std::string_view what) {
    return load<T>(take(sizeof(T), what).data());
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view source_;
  std::size_t position_ = 0;
};

}  // namespace libquant
