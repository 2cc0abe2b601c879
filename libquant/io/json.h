#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace libquant {

/// A JSON value (RFC 8259). Objects keep the order of their keys; integers that fit int64 stay
/// exact. Parsing refuses duplicate keys, NaN, trailing bytes, invalid UTF-8 and nesting over 128.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;  ///< null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::size_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json object(std::initializer_list<std::pair<std::string, Json>> members);

  /// `source` names the text in errors ("config.json"). Throws FormatError.
  static Json parse(std::string_view text, std::string_view source);
  static Json parse_file(const std::filesystem::path& path);

  /// indent < 0: one line. Doubles print with the digits that read back exactly.
  std::string dump(int indent = -1) const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  /// Typed access; `what` names the value in the FormatError that a wrong type throws.
  bool as_bool(std::string_view what) const;
  std::int64_t as_int(std::string_view what) const;
  double as_double(std::string_view what) const;  ///< integers convert
  const std::string& as_string(std::string_view what) const;
  const Array& as_array(std::string_view what) const;
  const Object& as_object(std::string_view what) const;

  /// Member of an object, or nullptr when absent (or when this is no object). Walks over the
  /// members: go through as_object() where there are thousands.
  const Json* find(std::string_view key) const;
  /// Member of an object; FormatError naming the key when absent.
  const Json& at(std::string_view key) const;
  /// Sets or replaces a member; a null value becomes an object first.
  Json& set(std::string_view key, Json value);
  /// Appends to an array; a null value becomes an array first.
  Json& push_back(Json value);

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

}  // namespace libquant
