#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "libquant/io/json.h"

namespace libquant {

/// Members of a JSON object with the checks a config needs; errors name `source` and the key. A
/// member that is null counts as absent. Holds references: neither may outlive its arguments.
class JsonFields {
 public:
  JsonFields(const Json& object, std::string_view source) : object_(object), source_(source) {}

  const Json* find(std::string_view key) const;
  std::size_t size(std::string_view key) const;  ///< required, in [1, 2^31)
  std::size_t size_or(std::string_view key, std::size_t otherwise) const;
  double number(std::string_view key) const;  ///< required, finite
  double number_or(std::string_view key, double otherwise) const;
  bool flag_or(std::string_view key, bool otherwise) const;
  const std::string* text(std::string_view key) const;  ///< nullptr when absent

  /// "config.json: hidden_size", for errors.
  std::string where(std::string_view key) const;

 private:
  const Json& object_;
  std::string_view source_;
};

}  // namespace libquant
