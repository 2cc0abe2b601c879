#pragma once
// Files for tests: a folder that disappears with the test, and bytes put together by hand.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"

namespace libquant::testing {

/// A new folder under the system's temporary folder, removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "libquant-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) FAIL("cannot create " << name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  /// Names of everything directly inside, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) FAIL("cannot read " << path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary);
  out << content;
  if (!out.flush()) FAIL("cannot write " << path);
}

/// The bytes of `text` in a heap block of exactly its size: reading one further is seen by the
/// address sanitizer.
inline std::vector<std::byte> to_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// Raw values of a file, as many as there are.
template <typename T>
std::vector<T> read_values(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  std::vector<T> values(content.size() / sizeof(T));
  std::memcpy(values.data(), content.data(), values.size() * sizeof(T));
  return values;
}

/// Little-endian bytes, one value after the other.
class Bytes {
 public:
  template <typename T>
  Bytes& add(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    content_.append(raw, sizeof value);
    return *this;
  }
  Bytes& text(std::string_view text) {
    content_ += text;
    return *this;
  }
  Bytes& zeros(std::size_t count) {
    content_.append(count, '\0');
    return *this;
  }
  const std::string& str() const { return content_; }

 private:
  std::string content_;
};

/// Message of the E that `body` throws; a failure when it throws nothing or something else.
template <typename E, typename Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    FAIL("threw another type: " << error.what());
  }
  FAIL("threw nothing");
  return {};
}

/// Checks that the message names each of `parts`.
inline void check_mentions(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    INFO("looking for \"" << part << "\" in: " << message);
    CHECK(message.find(part) != std::string::npos);
  }
}

}  // namespace libquant::testing
