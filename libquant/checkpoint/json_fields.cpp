#include "libquant/checkpoint/json_fields.h"

#include <cmath>
#include <cstdint>

#include "libquant/core/error.h"

namespace libquant {

std::string JsonFields::where(std::string_view key) const {
  return fmt::format("{}: {}", source_, key);
}

const Json* JsonFields::find(std::string_view key) const {
  const Json* value = object_.find(key);
  return value != nullptr && !value->is_null() ? value : nullptr;
}

std::size_t JsonFields::size(std::string_view key) const {
  const Json* value = find(key);
  require<FormatError>(value != nullptr, "{} is missing", where(key));
  const std::int64_t number = value->as_int(where(key));
  require<FormatError>(number > 0 && number < std::int64_t{1} << 31,
                       "{} is {}, expected a positive number below 2^31", where(key), number);
  return static_cast<std::size_t>(number);
}

std::size_t JsonFields::size_or(std::string_view key, std::size_t otherwise) const {
  return find(key) == nullptr ? otherwise : size(key);
}

double JsonFields::number(std::string_view key) const {
  const Json* value = find(key);
  require<FormatError>(value != nullptr, "{} is missing", where(key));
  const double number = value->as_double(where(key));
  require<FormatError>(std::isfinite(number), "{} is {}, expected a finite number", where(key),
                       number);
  return number;
}

double JsonFields::number_or(std::string_view key, double otherwise) const {
  return find(key) == nullptr ? otherwise : number(key);
}

bool JsonFields::flag_or(std::string_view key, bool otherwise) const {
  const Json* value = find(key);
  return value == nullptr ? otherwise : value->as_bool(where(key));
}

const std::string* JsonFields::text(std::string_view key) const {
  const Json* value = find(key);
  return value == nullptr ? nullptr : &value->as_string(where(key));
}

}  // namespace libquant
