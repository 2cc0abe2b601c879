#include "libquant/io/json.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "libquant/io/mapped_file.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

constexpr std::size_t kMaxDepth = 128;

[[noreturn]] void fail_at(std::string_view source, std::string_view text, std::size_t offset,
                          std::string_view message) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == before.npos ? before.size() : before.size() - newline - 1;
  fail<FormatError>("{}: line {}, column {} (byte {}): {}", source, line, column, before.size(),
                    message);
}

// Lets the parser read `text` while we see how far it has come: its callbacks do not say.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, std::size_t* consumed) : at_(at), consumed_(consumed) {}
  reference operator*() const { return *at_; }
  TrackedIterator& operator++() {
    ++at_;
    ++*consumed_;
    return *this;
  }
  friend bool operator==(const TrackedIterator& a, const TrackedIterator& b) {
    return a.at_ == b.at_;
  }

 private:
  const char* at_;
  std::size_t* consumed_;
};

// Builds the value from the parser's events; owns the rules that nlohmann's own tree does not have.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, std::string_view source) : text_(text), source_(source) {}

  Json& result() { return result_; }
  std::size_t* consumed() { return &consumed_; }

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(std::int64_t value) override { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) override {
    constexpr std::uint64_t kLimit = std::numeric_limits<std::int64_t>::max();
    return add(value <= kLimit ? Json(static_cast<std::int64_t>(value))
                               : Json(static_cast<double>(value)));
  }
  bool number_float(double value, const std::string&) override { return add(Json(value)); }
  bool string(std::string& value) override { return add(Json(std::move(value))); }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // no such thing in JSON text

  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool key(std::string& name) override {
    Level& level = levels_.back();
    if (!level.names.insert(name).second)
      fail_at(source_, text_, consumed_, fmt::format("duplicate key \"{}\"", printable(name)));
    level.members.emplace_back().first = std::move(name);
    return true;
  }
  bool end_object() override {
    Json value(std::move(levels_.back().members));
    levels_.pop_back();
    return add(std::move(value));
  }
  bool end_array() override {
    Json value(std::move(levels_.back().elements));
    levels_.pop_back();
    return add(std::move(value));
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ..."
    std::string_view message = error.what();
    if (const auto id = message.find("] "); id != message.npos) message.remove_prefix(id + 2);
    if (message.substr(0, 14) == "parse error at")
      message.remove_prefix(std::min(message.find(": ") + 2, message.size()));
    fail_at(source_, text_, position, printable(message, 200));
  }

 private:
  struct Level {
    bool is_object;
    Json::Object members;
    Json::Array elements;
    std::unordered_set<std::string> names;
  };

  bool open(bool is_object) {
    if (levels_.size() == kMaxDepth)
      fail_at(source_, text_, consumed_, fmt::format("nested deeper than {} levels", kMaxDepth));
    levels_.push_back({is_object, {}, {}, {}});
    return true;
  }
  // Where the next value goes.
  Json& place() {
    if (levels_.empty()) return result_;
    Level& level = levels_.back();
    return level.is_object ? level.members.back().second : level.elements.emplace_back();
  }
  bool add(Json value) {
    place() = std::move(value);
    return true;
  }

  std::string_view text_;
  std::string_view source_;
  std::size_t consumed_ = 0;
  std::vector<Level> levels_;
  Json result_;
};

std::string quoted(const std::string& text) {
  require(is_utf8(text), "cannot write JSON: the string \"{}\" is not valid UTF-8",
          printable(text));
  return nlohmann::json(text).dump();
}

void append_newline(std::string& out, int indent, int depth) {
  if (indent < 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
}

void append_json(std::string& out, const Json& value, int indent, int depth);

template <typename Container, typename AppendItem>
void append_container(std::string& out, char open, char close, const Container& items, int indent,
                      int depth, AppendItem append_item) {
  out += open;
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += indent < 0 ? ", " : ",";
    first = false;
    append_newline(out, indent, depth + 1);
    append_item(item);
  }
  if (!first) append_newline(out, indent, depth);
  out += close;
}

void append_json(std::string& out, const Json& value, int indent, int depth) {
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool("") ? "true" : "false";
  } else if (value.is_int()) {
    out += fmt::to_string(value.as_int(""));
  } else if (value.is_number()) {
    const double number = value.as_double("");
    require(std::isfinite(number), "cannot write JSON: it has no number for {}", number);
    out += nlohmann::json(number).dump();
  } else if (value.is_string()) {
    out += quoted(value.as_string(""));
  } else if (value.is_array()) {
    append_container(out, '[', ']', value.as_array(""), indent, depth,
                     [&](const Json& item) { append_json(out, item, indent, depth + 1); });
  } else {
    append_container(out, '{', '}', value.as_object(""), indent, depth, [&](const auto& member) {
      out += quoted(member.first);
      out += ": ";
      append_json(out, member.second, indent, depth + 1);
    });
  }
}

}  // namespace

Json Json::parse(std::string_view text, std::string_view source) {
  // The parser takes a NUL for the end of its input; no JSON text holds one outside an escape.
  if (const std::size_t nul = text.find('\0'); nul != text.npos)
    fail_at(source, text, nul, "a NUL byte");
  Builder builder(text, source);
  const TrackedIterator begin(text.data(), builder.consumed());
  const TrackedIterator end(text.data() + text.size(), builder.consumed());
  const bool complete = nlohmann::json::sax_parse(begin, end, &builder);
  require<FormatError>(complete, "{}: not JSON", source);
  return std::move(builder.result());
}

Json Json::parse_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse(as_text(file.bytes()), path.string());
}

std::string Json::dump(int indent) const {
  std::string out;
  append_json(out, *this, indent, 0);
  return out;
}

}  // namespace libquant
