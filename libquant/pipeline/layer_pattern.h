#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace libquant {

/// A PCRE2 pattern searched for anywhere in a layer's name. Immutable.
class LayerPattern {
 public:
  /// Throws InvalidArgument with PCRE2's reason and its position.
  explicit LayerPattern(std::string pattern);
  bool matches(std::string_view name) const;
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::shared_ptr<const void> code_;
};

}  // namespace libquant
