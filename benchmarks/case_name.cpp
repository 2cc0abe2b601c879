#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "benchmarks/case.h"

namespace libquant::benchmarks {
namespace {

[[noreturn]] void reject(const std::string& name, const std::string& why) {
  throw std::invalid_argument("benchmark '" + name + "': " + why);
}

}  // namespace

CaseName CaseName::parse(std::string_view text) {
  const std::string whole(text);
  CaseName name;
  for (std::size_t part = 0; !text.empty() || part < 3; ++part) {
    const std::size_t slash = text.find('/');
    const std::string_view piece = text.substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    if (piece.empty()) reject(whole, "expected OPERATION/WEIGHTS/ISA/KEY:VALUE/...");
    if (part < 3) {
      (part == 0 ? name.operation : part == 1 ? name.weights : name.isa) = piece;
      continue;
    }
    const std::size_t colon = piece.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == piece.size())
      reject(whole, "expected KEY:VALUE, found '" + std::string(piece) + "'");
    name.keys.emplace_back(piece.substr(0, colon), piece.substr(colon + 1));
  }
  return name;
}

std::string CaseName::text() const {
  std::string result = operation + '/' + weights + '/' + isa;
  for (const auto& [key, value] : keys) result += '/' + key + ':' + value;
  return result;
}

std::size_t CaseName::number(std::string_view key, std::size_t least, std::size_t most) const {
  const std::string text = value(key, "");
  std::size_t result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc() || end != text.data() + text.size() || result < least || result > most)
    reject(this->text(), "needs " + std::string(key) + ":NUMBER from " + std::to_string(least) +
                             " to " + std::to_string(most));
  return result;
}

std::string CaseName::value(std::string_view key, std::string_view otherwise) const {
  for (const auto& [name, value] : keys)
    if (name == key) return value;
  return std::string(otherwise);
}

void CaseName::check_keys(std::span<const std::string_view> known) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string& key = keys[i].first;
    if (std::find(known.begin(), known.end(), key) == known.end())
      reject(text(), "unknown key " + key);
    for (std::size_t j = 0; j < i; ++j)
      if (keys[j].first == key) reject(text(), key + " comes twice");
  }
}

}  // namespace libquant::benchmarks
