// The calibration and evaluation texts under examples/ keep the promises of docs/calibration.md.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/real_data.h"

namespace {

namespace fs = std::filesystem;

std::vector<std::string> texts(const char* folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(libquant::testing::test_folder()) /
                                                  ".." / "examples" / folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> result;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    result.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    REQUIRE(!result.back().empty());
  }
  return result;
}

/// Counts the runs of 13 words of texts; no run reaches from one text into the next.
/// the text.
class ThirteenGrams {
 public:
  void add(std::string_view text) {
    constexpr std::string_view kSpace = " \n\t";
    std::vector<std::string> words;
    for (std::size_t at = text.find_first_not_of(kSpace); at != std::string_view::npos;) {
      const std::size_t end = std::min(text.find_first_of(kSpace, at), text.size());
      words.emplace_back(text.substr(at, end - at));
      at = text.find_first_not_of(kSpace, end);
    }
    for (std::size_t i = 0; i + 13 <= words.size(); ++i) {
      std::string gram;
      for (std::size_t k = i; k < i + 13; ++k) gram += words[k] + ' ';
      ++counts_[gram];
      ++total_;
    }
  }
  std::size_t total() const { return total_; }
  /// Positions whose run stands elsewhere too.
  std::size_t repeated() const {
    std::size_t n = 0;
    for (const auto& [gram, count] : counts_) n += count > 1 ? count : 0;
    return n;
  }

 private:
  std::unordered_map<std::string, std::size_t> counts_;
  std::size_t total_ = 0;
};

/// The offset of the first byte that is not well-formed UTF-8 or is a control character, or the
/// size.
std::size_t first_bad_byte(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = byte(i);
    if (first == 0x7F || (first < 0x20 && first != '\n')) return i;
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    if (length == 0 || text.size() - i < length) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0U) != 0x80) return i;
    }
    i += length;
  }
  return text.size();
}

}  // namespace

TEST_CASE("fewer than one in a hundred runs of thirteen words of the shipped texts is repeated") {
  ThirteenGrams grams;
  for (const char* folder : {"calibration", "evaluation"}) {
    for (const std::string& text : texts(folder)) grams.add(text);
  }
  CHECK(grams.total() > 80000);
  CHECK(grams.repeated() * 100 < grams.total());
}

TEST_CASE("the evaluation text shares no run of thirteen words with the calibration text") {
  ThirteenGrams calibration, evaluation, both;
  for (const std::string& text : texts("calibration")) calibration.add(text), both.add(text);
  for (const std::string& text : texts("evaluation")) evaluation.add(text), both.add(text);
  CHECK(both.repeated() == calibration.repeated() + evaluation.repeated());
}

TEST_CASE("the shipped texts are clean UTF-8 without byte order mark or control characters") {
  for (const char* folder : {"calibration", "evaluation"}) {
    for (const std::string& text : texts(folder)) {
      CHECK(first_bad_byte(text) == text.size());
      CHECK(text.find("\xEF\xBB\xBF") == std::string::npos);
      CHECK(text.find("\xEF\xBF\xBD") == std::string::npos);
    }
  }
}

TEST_CASE("SmolLM2 reads at least 100,000 tokens of calibration and 20,000 of evaluation text") {
  const auto model = libquant::testing::demonstration_model();
  if (!model) return;
  const libquant::Tokenizer tokenizer(libquant::open_checkpoint(*model)->tokenizer());
  const auto count = [&](const char* folder) {
    std::size_t tokens = 0;
    for (const std::string& text : texts(folder))
      tokens += tokenizer.encode(text, {.add_special = false, .parse_special = false}).size();
    return tokens;
  };
  CHECK(count("calibration") >= 100000);
  CHECK(count("evaluation") >= 20000);
}

TEST_CASE("the counters of this test see repeated runs and bad bytes") {
  ThirteenGrams grams;
  const std::string run = "a b c d e f g h i j k l m ";
  grams.add(run + "x " + run);
  CHECK(grams.total() == 15);
  CHECK(grams.repeated() == 2);
  CHECK(first_bad_byte("ok\xC3\xA9\n") == 5);
  CHECK(first_bad_byte("ok\xC3") == 2);
  CHECK(first_bad_byte("\xC0\x80") == 0);
  CHECK(first_bad_byte("a\tb") == 1);
}
