#include <algorithm>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/io/gguf.h"
#include "libquant/io/gguf_parse.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

constexpr std::string_view kKinds[] = {"a boolean", "an integer", "a number", "a string",
                                       "integers",  "numbers",    "strings"};

template <typename T>
const T* typed(const GgufMetadata& metadata, std::string_view key, std::string_view expected) {
  const GgufValue* value = metadata.find(key);
  if (value == nullptr) return nullptr;
  const T* held = std::get_if<T>(&value->value);
  require<FormatError>(held != nullptr, "{}: key {}: expected {}, found {}", metadata.source,
                       printable(key), expected, kKinds[value->value.index()]);
  return held;
}

template <typename T>
std::optional<T> copied(const T* value) {
  return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

}  // namespace

GgufValue GgufValue::u32(std::uint32_t value) { return {std::int64_t{value}, kWireU32, 0}; }
GgufValue GgufValue::f32(float value) { return {double{value}, kWireF32, 0}; }
GgufValue GgufValue::boolean(bool value) { return {value, kWireBool, 0}; }
GgufValue GgufValue::string(std::string value) { return {std::move(value), kWireString, 0}; }
GgufValue GgufValue::i32_array(Integers values) {
  return {std::move(values), kWireArray, kWireI32};
}
GgufValue GgufValue::f32_array(Floats values) { return {std::move(values), kWireArray, kWireF32}; }
GgufValue GgufValue::string_array(Strings values) {
  return {std::move(values), kWireArray, kWireString};
}

const GgufValue* GgufMetadata::find(std::string_view key) const noexcept {
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [&](const auto& entry) { return entry.first == key; });
  return at == entries.end() ? nullptr : &at->second;
}

void GgufMetadata::set(std::string_view key, GgufValue value) {
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [&](const auto& entry) { return entry.first == key; });
  if (at != entries.end())
    at->second = std::move(value);
  else
    entries.emplace_back(std::string(key), std::move(value));
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const {
  return copied(typed<std::int64_t>(*this, key, "an integer"));
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value != nullptr && std::holds_alternative<std::int64_t>(value->value))
    return static_cast<double>(*integer(key));
  return copied(typed<double>(*this, key, "a number"));
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const {
  return copied(typed<bool>(*this, key, "a boolean"));
}

const std::string* GgufMetadata::string(std::string_view key) const {
  return typed<std::string>(*this, key, "a string");
}

const GgufValue::Integers* GgufMetadata::integers(std::string_view key) const {
  return typed<GgufValue::Integers>(*this, key, "an array of integers");
}

const GgufValue::Floats* GgufMetadata::floats(std::string_view key) const {
  return typed<GgufValue::Floats>(*this, key, "an array of numbers");
}

const GgufValue::Strings* GgufMetadata::strings(std::string_view key) const {
  return typed<GgufValue::Strings>(*this, key, "an array of strings");
}

std::size_t gguf_alignment(const GgufMetadata& metadata) {
  const GgufValue* value = metadata.find(kGgufAlignmentKey);
  if (value == nullptr) return kGgufDefaultAlignment;
  const std::int64_t alignment = *metadata.integer(kGgufAlignmentKey);
  require<FormatError>(
      value->wire == kWireU32 && alignment > 0 && (alignment & (alignment - 1)) == 0,
      "{}: key {}: expected a u32 that is a power of two, found {} (type {})", metadata.source,
      kGgufAlignmentKey, alignment, value->wire);
  return static_cast<std::size_t>(alignment);
}

}  // namespace libquant
