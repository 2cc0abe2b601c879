#include <algorithm>

#include "libquant/core/error.h"
#include "libquant/io/mapped_file.h"
#include "libquant/scoring/probes/loaders.h"

namespace libquant::probes {

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                              file.bytes().size());
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    begin = end + 1;
  }
  return lines;
}

std::vector<JsonLine> read_json_lines(const std::filesystem::path& path) {
  std::vector<JsonLine> rows;
  const std::vector<std::string> lines = read_lines(path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find_first_not_of(" \t") == std::string::npos) continue;
    std::string place = fmt::format("{}:{}", path.string(), i + 1);
    Json row = Json::parse(lines[i], place);
    require<FormatError>(row.is_object(), "{}: expected a JSON object", place);
    rows.emplace_back(std::move(place), std::move(row));
  }
  return rows;
}

const std::string& text_of(const Json& row, std::string_view key, std::string_view place) {
  const Json* value = row.find(key);
  require<FormatError>(value != nullptr && value->is_string(), "{}: \"{}\" is missing or no text",
                       place, key);
  return value->as_string(key);
}

std::string optional_text(const Json& row, std::string_view key, std::string_view place) {
  return row.find(key) == nullptr ? std::string() : text_of(row, key, place);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

}  // namespace libquant::probes
