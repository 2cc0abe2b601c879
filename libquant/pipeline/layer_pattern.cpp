#include "libquant/pipeline/layer_pattern.h"

#include <pcre2.h>

#include <utility>

#include "libquant/core/error.h"

namespace libquant {

LayerPattern::LayerPattern(std::string pattern) : text_(std::move(pattern)) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), 0,
                                   &error, &offset, nullptr);
  if (code == nullptr) {
    char reason[256] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(reason), sizeof reason);
    fail<InvalidArgument>("layer pattern \"{}\" is no regular expression: {} at character {}",
                          text_, reason, offset);
  }
  code_ = std::shared_ptr<const void>(code, [](const void* held) {
    pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(held)));
  });
}

bool LayerPattern::matches(std::string_view name) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  // A pattern that backtracks without end is stopped by PCRE2's own match limit.
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  require<Error>(data != nullptr, "out of memory while matching layer pattern \"{}\"", text_);
  const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0,
                                data, nullptr);
  pcre2_match_data_free(data);
  require(found >= 0 || found == PCRE2_ERROR_NOMATCH,
          "layer pattern \"{}\" gave PCRE2 error {} on {}", text_, found, name);
  return found >= 0;
}

}  // namespace libquant
