#pragma once

#include <cstdio>
#include <filesystem>
#include <vector>

#include "libquant/io/json.h"
#include "libquant/scoring/score_items.h"

namespace libquant {

/// Item scores on disk, one JSON object per line (docs/audit.md has the schema), so that models run
/// in any other runtime can be audited too:
///   {"id": "bbq/Religion/17", "answers": [-12.5, -14.1, -9.8], "answer_tokens": [4, 4, 3]}
/// "answers" are summed log-probabilities of the item's options in their order, "letters" those of
/// the option letters. A first line with "header" holds what the scores belong to.
struct ScoreFile {
  Json header;  ///< null where there is none
  std::vector<ItemScore> scores;
};

/// FormatError naming file, line and field; a duplicate id is one.
ScoreFile read_scores(const std::filesystem::path& path);
/// The first line alone; null where it is no header, or no complete line.
Json read_score_header(const std::filesystem::path& path);

/// Appends scores to a file as they come, each line complete on disk before the next. Opening a
/// file that an interrupted run left keeps its complete lines if its header equals `header`, and
/// refuses it otherwise, naming the first key that differs.
class ScoreWriter {
 public:
  ScoreWriter(const std::filesystem::path& path, const Json& header, bool resume);
  ~ScoreWriter();
  ScoreWriter(const ScoreWriter&) = delete;
  ScoreWriter& operator=(const ScoreWriter&) = delete;

  /// Scores that the file held when it was opened.
  const std::vector<ItemScore>& kept() const noexcept { return kept_; }
  void append(const ItemScore& score);

 private:
  void write_line(const Json& line);

  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
  std::vector<ItemScore> kept_;
};

}  // namespace libquant
