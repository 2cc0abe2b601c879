#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace libquant::text {

/// Rewrites a pattern from Oniguruma's syntax (that of tokenizer.json) to PCRE2's so that both
/// match the same text. NotSupported naming the construct where there is no such rewriting.
std::string to_pcre2(std::string_view pattern);
/// Makes a pattern that matches `literal` and nothing else.
std::string quote_pattern(std::string_view literal);

/// A compiled pattern. Immutable: safe from many threads.
class Pattern {
 public:
  struct Match {
    std::size_t begin = 0, end = 0;
  };

  /// `pattern` in Oniguruma's syntax. FormatError with the position for one that does not compile.
  explicit Pattern(std::string_view pattern);

  class Searcher;

  const std::string& source() const noexcept { return source_; }

 private:
  struct Compiled;
  std::string source_;
  std::shared_ptr<const Compiled> compiled_;
};

/// Reusable state of one thread's searches.
class Pattern::Searcher {
 public:
  explicit Searcher(const Pattern& pattern);
  ~Searcher();
  Searcher(const Searcher&) = delete;
  Searcher& operator=(const Searcher&) = delete;

  /// The matches of successive searches in `text`, valid UTF-8 with nothing before or after it.
  /// NotSupported when the pattern backtracks without end.
  void find_all(std::string_view text, std::vector<Match>* matches);

 private:
  bool next(std::string_view text, std::size_t from, Match* match);

  const Pattern& pattern_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace libquant::text
