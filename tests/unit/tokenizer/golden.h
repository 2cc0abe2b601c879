#pragma once
// What tests/tools/make_tokenizer_goldens.py recorded, and the files it belongs to.

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/io/json.h"
#include "libquant/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace libquant::testing {

using Ids = std::vector<std::int32_t>;

inline std::filesystem::path golden_tokenizers() {
  return std::filesystem::path(test_folder()) / "golden" / "tokenizer";
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  INFO(path.string());
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;
}

/// The edge cases line by line, then all at once.
inline std::vector<std::string> unicode_cases() {
  const std::string text = read_file(golden_tokenizers() / "unicode.txt");
  std::vector<std::string> cases = lines_of(text);
  cases.push_back(text);
  return cases;
}

inline std::vector<std::string> invalid_utf8_cases() {
  return lines_of(read_file(golden_tokenizers() / "invalid_utf8.txt"));
}

/// 64-bit FNV-1a over the ids as 32-bit little-endian numbers, in hexadecimal.
inline std::string fnv(const Ids& ids) {
  std::uint64_t value = 0xCBF29CE484222325u;
  for (const std::int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      const std::uint32_t byte = static_cast<std::uint32_t>(id) >> shift & 0xFFu;
      value = (value ^ byte) * 0x100000001B3u;
    }
  }
  return fmt::format("{:016x}", value);
}

inline Ids ids_from(const Json& array) {
  Ids ids;
  for (const Json& id : array.as_array("ids")) {
    ids.push_back(static_cast<std::int32_t>(id.as_int("id")));
  }
  return ids;
}

/// {tokenizer.json, tokenizer_config.json} of a folder.
inline std::pair<Json, Json> tokenizer_files(const std::filesystem::path& folder) {
  return {Json::parse_file(folder / "tokenizer.json"),
          Json::parse_file(folder / "tokenizer_config.json")};
}

inline TokenizerSpec read_tokenizer(const std::filesystem::path& folder) {
  const auto [tokenizer, config] = tokenizer_files(folder);
  return tokenizer_from_json(tokenizer, config);
}

}  // namespace libquant::testing
