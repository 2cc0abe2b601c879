#include "libquant/tokenizer/pattern.h"

#include <pcre2.h>

#include <array>
#include <cstdint>
#include <new>

#include "libquant/core/error.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant::text {
namespace {

// Patterns of real tokenizers have a few hundred bytes.
constexpr std::size_t kLongestPattern = 1u << 16;
constexpr std::uint32_t kMatchLimit = 1'000'000;
constexpr std::uint32_t kHeapLimitKiB = 256 * 1024;

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

PCRE2_SPTR bytes_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::unique_ptr<pcre2_code, FreeCode> compile(std::string_view source) {
  require<FormatError>(is_valid_utf8(source), "a pre-tokenizer pattern is not valid UTF-8");
  const std::string pattern = to_pcre2(source);
  std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(
      pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_max_pattern_length(context.get(), kLongestPattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // Oniguruma's ^ and $ match at every line.
  constexpr std::uint32_t kOptions =
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  std::unique_ptr<pcre2_code, FreeCode> code(
      pcre2_compile(bytes_of(pattern), pattern.size(), kOptions, &error, &offset, context.get()));
  require<FormatError>(code != nullptr,
                       "compiling the pre-tokenizer pattern \"{}\" (as \"{}\"): {} at byte {}",
                       source, pattern, message_of(error), offset);
  // Without JIT the interpreter runs; the matches are the same.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

}  // namespace

struct Pattern::Compiled {
  std::unique_ptr<pcre2_code, FreeCode> code;
};

Pattern::Pattern(std::string_view pattern)
    : source_(pattern), compiled_(std::make_shared<const Compiled>(Compiled{compile(pattern)})) {}

struct Pattern::Searcher::State {
  std::unique_ptr<pcre2_match_data, FreeMatchData> data;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context;
};

Pattern::Searcher::Searcher(const Pattern& pattern)
    : pattern_(pattern), state_(std::make_unique<State>()) {
  state_->data.reset(pcre2_match_data_create(1, nullptr));
  state_->context.reset(pcre2_match_context_create(nullptr));
  if (!state_->data || !state_->context) throw std::bad_alloc();
  pcre2_set_match_limit(state_->context.get(), kMatchLimit);
  pcre2_set_heap_limit(state_->context.get(), kHeapLimitKiB);
}

Pattern::Searcher::~Searcher() = default;

bool Pattern::Searcher::next(std::string_view text, std::size_t from, Match* match) {
  const auto search = [&](std::uint32_t options) {
    return pcre2_match(pattern_.compiled_->code.get(), bytes_of(text), text.size(), from,
                       options | PCRE2_NO_UTF_CHECK, state_->data.get(), state_->context.get());
  };
  int answer = search(0);
  // The interpreter keeps its stack on the heap, where there is more of it.
  if (answer == PCRE2_ERROR_JIT_STACKLIMIT) answer = search(PCRE2_NO_JIT);
  if (answer == PCRE2_ERROR_NOMATCH) return false;
  require<NotSupported>(answer >= 0,
                        "splitting {} bytes of text with the pre-tokenizer pattern \"{}\": {}",
                        text.size(), pattern_.source(), message_of(answer));
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(state_->data.get());
  *match = {offsets[0], offsets[1]};
  return true;
}

void Pattern::Searcher::find_all(std::string_view text, std::vector<Match>* matches) {
  matches->clear();
  std::size_t from = 0;
  bool any = false;
  Match match;
  while (from <= text.size() && next(text, from, &match)) {
    // \K in a lookaround may report an end before the start.
    require<NotSupported>(match.begin >= from && match.end >= match.begin,
                          "the pre-tokenizer pattern \"{}\" matches backwards", pattern_.source());
    if (match.begin == match.end && any && matches->back().end == match.end) {
      if (from >= text.size()) break;
      next_code_point(text, &from);
      continue;
    }
    matches->push_back(match);
    any = true;
    from = match.end;
  }
}

}  // namespace libquant::text
