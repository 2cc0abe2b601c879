#include "libquant/audit/score_file.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>
#include <string_view>

#include "libquant/core/error.h"
#include "libquant/io/mapped_file.h"

namespace libquant {
namespace {

Json to_json(std::span<const double> values) {
  Json list(Json::Array{});
  for (const double value : values) list.push_back(std::isfinite(value) ? Json(value) : Json());
  return list;
}

Json to_json(std::span<const std::size_t> values) {
  Json list(Json::Array{});
  for (const std::size_t value : values) list.push_back(value);
  return list;
}

Json to_json(const ItemScore& score) {
  Json line = Json::object({{"id", score.id}});
  if (!score.answers.empty()) {
    line.set("answers", to_json(score.answers));
    line.set("answer_tokens", to_json(score.answer_tokens));
    line.set("answer_bytes", to_json(score.answer_bytes));
  }
  if (!score.letters.empty()) {
    line.set("letters", to_json(score.letters));
    line.set("letter_orders", to_json(score.letter_orders));
  }
  return line;
}

// A log-probability of null is one that the runtime could not give.
std::vector<double> numbers(const Json& line, std::string_view key, std::string_view place) {
  std::vector<double> out;
  const Json* list = line.find(key);
  if (list == nullptr) return out;
  require<FormatError>(list->is_array(), "{}: \"{}\" is no list", place, key);
  for (const Json& value : list->as_array(key))
    out.push_back(value.is_null() ? std::nan("") : value.as_double(key));
  return out;
}

std::vector<std::size_t> counts(const Json& line, std::string_view key, std::string_view place) {
  std::vector<std::size_t> out;
  for (const double value : numbers(line, key, place)) {
    require<FormatError>(value >= 1 && value < 1e9, "{}: \"{}\" holds {}", place, key, value);
    out.push_back(static_cast<std::size_t>(value));
  }
  return out;
}

ItemScore score_from(const Json& line, std::string_view place) {
  ItemScore score;
  const Json* id = line.find("id");
  require<FormatError>(id != nullptr && id->is_string(), "{}: \"id\" is missing or no text", place);
  score.id = id->as_string("id");
  score.answers = numbers(line, "answers", place);
  score.letters = numbers(line, "letters", place);
  score.letter_orders = numbers(line, "letter_orders", place);
  score.answer_tokens = counts(line, "answer_tokens", place);
  score.answer_bytes = counts(line, "answer_bytes", place);
  require<FormatError>(!score.answers.empty() || !score.letters.empty(),
                       "{}: item {} has neither \"answers\" nor \"letters\"", place, score.id);
  require<FormatError>(score.answers.empty() || score.answer_tokens.size() == score.answers.size(),
                       "{}: item {} has {} answers and {} token counts", place, score.id,
                       score.answers.size(), score.answer_tokens.size());
  return score;
}

// Complete lines only: a killed writer may have left a part of one.
std::vector<std::string_view> complete_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

ScoreFile parse_lines(std::span<const std::string_view> lines, const std::filesystem::path& path) {
  ScoreFile out;
  std::set<std::string> ids;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = fmt::format("{}:{}", path.string(), i + 1);
    const Json line = Json::parse(lines[i], place);
    if (const Json* header = line.find("header"); header != nullptr && i == 0) {
      out.header = *header;
      continue;
    }
    out.scores.push_back(score_from(line, place));
    require<FormatError>(ids.insert(out.scores.back().id).second, "{}: item {} appears twice",
                         place, out.scores.back().id);
  }
  return out;
}

void require_same_header(const Json& held, const Json& wanted, const std::filesystem::path& path) {
  require<FormatError>(held.is_object(), "{}: the file to resume has no header", path.string());
  for (const auto& [key, value] : wanted.as_object("header")) {
    const Json* other = held.find(key);
    require(other != nullptr && *other == value, "{}: cannot resume, its {} is {}, now it is {}",
            path.string(), key, other == nullptr ? "absent" : other->dump(), value.dump());
  }
}

}  // namespace

ScoreFile read_scores(const std::filesystem::path& path) {
  const MappedFile file(path);
  std::vector<std::string_view> lines = complete_lines(text_of(file));
  const std::string_view text = text_of(file);
  const std::size_t rest = text.rfind('\n') + 1;  // npos + 1 is 0: a single line without its end
  if (rest < text.size()) lines.push_back(text.substr(rest));
  return parse_lines(lines, path);
}

Json read_score_header(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto lines = complete_lines(text_of(file));
  return lines.empty() ? Json() : parse_lines(std::span(lines).first(1), path).header;
}

ScoreWriter::ScoreWriter(const std::filesystem::path& path, const Json& header, bool resume)
    : path_(path) {
  std::size_t keep = 0;
  if (resume && std::filesystem::exists(path)) {
    const MappedFile file(path);
    const auto lines = complete_lines(text_of(file));
    if (!lines.empty()) {
      ScoreFile held = parse_lines(lines, path);
      require_same_header(held.header, header, path);
      kept_ = std::move(held.scores);
      keep = static_cast<std::size_t>(lines.back().data() + lines.back().size() + 1 -
                                      text_of(file).data());
    }
  }
  file_ = std::fopen(path.c_str(), keep > 0 ? "r+b" : "wb");
  require<Error>(file_ != nullptr, "cannot write {}: {}", path.string(), std::strerror(errno));
  if (keep == 0) {
    write_line(Json::object({{"header", header}}));
  } else {
    const bool cut = ftruncate(fileno(file_), static_cast<off_t>(keep)) == 0 &&
                     std::fseek(file_, 0, SEEK_END) == 0;
    require<Error>(cut, "cannot continue {}: {}", path.string(), std::strerror(errno));
  }
}

ScoreWriter::~ScoreWriter() {
  if (file_ != nullptr) std::fclose(file_);
}

void ScoreWriter::write_line(const Json& line) {
  const std::string text = line.dump() + "\n";
  const bool written =
      std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0;
  require<Error>(written, "cannot write {}: {}", path_.string(), std::strerror(errno));
}

void ScoreWriter::append(const ItemScore& score) { write_line(to_json(score)); }

}  // namespace libquant
