#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace libquant {

/// XXH3-128 of a stream of bytes: names inputs, options and outputs in fingerprints and reports.
/// It detects change, it is no defence against forgery.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
  /// 32 lower-case hexadecimal digits of everything so far.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hash_hex(std::span<const std::byte> bytes);
/// XXH3-64 of a text: the same number on every platform, for splits and seeds.
std::uint64_t hash64(std::string_view text);

}  // namespace libquant
