#include <algorithm>

#include "libquant/core/error.h"
#include "libquant/io/json.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

std::string_view kind(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "a boolean";
  if (value.is_int()) return "an integer";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  return value.is_array() ? "an array" : "an object";
}

void require_kind(bool ok, const Json& value, std::string_view what, std::string_view expected) {
  require<FormatError>(ok, "{}: expected {}, found {}", what, expected, kind(value));
}

}  // namespace

Json Json::object(std::initializer_list<std::pair<std::string, Json>> members) {
  Json result{Object{}};
  for (const auto& [key, value] : members) result.set(key, value);
  return result;
}

bool Json::as_bool(std::string_view what) const {
  require_kind(is_bool(), *this, what, "a boolean");
  return *std::get_if<bool>(&value_);
}

std::int64_t Json::as_int(std::string_view what) const {
  require_kind(is_int(), *this, what, "an integer");
  return *std::get_if<std::int64_t>(&value_);
}

double Json::as_double(std::string_view what) const {
  require_kind(is_number(), *this, what, "a number");
  return is_int() ? static_cast<double>(*std::get_if<std::int64_t>(&value_))
                  : *std::get_if<double>(&value_);
}

const std::string& Json::as_string(std::string_view what) const {
  require_kind(is_string(), *this, what, "a string");
  return *std::get_if<std::string>(&value_);
}

const Json::Array& Json::as_array(std::string_view what) const {
  require_kind(is_array(), *this, what, "an array");
  return *std::get_if<Array>(&value_);
}

const Json::Object& Json::as_object(std::string_view what) const {
  require_kind(is_object(), *this, what, "an object");
  return *std::get_if<Object>(&value_);
}

const Json* Json::find(std::string_view key) const {
  const auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  const auto found = std::find_if(members->begin(), members->end(),
                                  [&](const auto& member) { return member.first == key; });
  return found == members->end() ? nullptr : &found->second;
}

const Json& Json::at(std::string_view key) const {
  require_kind(is_object(), *this, fmt::format("looking for key \"{}\"", printable(key)),
               "an object");
  const Json* value = find(key);
  require<FormatError>(value != nullptr, "missing key \"{}\"", printable(key));
  return *value;
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  auto* members = std::get_if<Object>(&value_);
  require(members != nullptr, "cannot set key \"{}\": expected an object, found {}", printable(key),
          kind(*this));
  const auto found = std::find_if(members->begin(), members->end(),
                                  [&](const auto& member) { return member.first == key; });
  if (found != members->end())
    found->second = std::move(value);
  else
    members->emplace_back(std::string(key), std::move(value));
  return *this;
}

Json& Json::push_back(Json value) {
  if (is_null()) value_ = Array{};
  auto* elements = std::get_if<Array>(&value_);
  require(elements != nullptr, "cannot append: expected an array, found {}", kind(*this));
  elements->push_back(std::move(value));
  return *this;
}

}  // namespace libquant
