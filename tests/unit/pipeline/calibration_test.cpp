#include "libquant/pipeline/calibration.h"

#include <algorithm>

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::holds;
using testing::message_of;
using testing::TemporaryFolder;
using testing::write_file;

bool apart(const std::vector<std::size_t>& offsets, std::size_t window, std::size_t available) {
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
    if (offsets[i + 1] < offsets[i] + window) return false;
  return offsets.empty() || offsets.back() + window <= available;
}

TEST_CASE("evenly spread windows begin at the start, end at the end and never overlap") {
  for (const std::size_t available : {10u, 11u, 37u, 1000u, 4099u})
    for (const std::size_t window : {1u, 3u, 5u})
      for (std::size_t windows = 1; windows * window <= std::min<std::size_t>(available, 60);
           ++windows) {
        const auto offsets = window_offsets(available, windows, window, 0);
        REQUIRE(offsets.size() == windows);
        CHECK(offsets.front() == 0);
        CHECK(apart(offsets, window, available));
        if (windows > 1) CHECK(offsets.back() == available - window);
      }
}

TEST_CASE("seeded windows never overlap, repeat with the seed and differ with another") {
  for (std::uint64_t seed = 1; seed < 40; ++seed)
    CHECK(apart(window_offsets(1003, 9, 100, seed), 100, 1003));
  CHECK(window_offsets(5000, 9, 100, 3) == window_offsets(5000, 9, 100, 3));
  CHECK(window_offsets(5000, 9, 100, 3) != window_offsets(5000, 9, 100, 4));
}

TEST_CASE("windows hold the text's tokens, and the set says how many there were") {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "abcdefgh");
  write_file(folder / "b.txt", "ijklmnop");
  const Tokenizer tokenizer(testing::byte_tokenizer());
  CalibrationOptions options;
  options.texts = {folder / "a.txt", folder / "b.txt"};
  options.windows = 2;
  options.window = 3;
  const CalibrationSet set = draw_calibration(tokenizer, options);
  CHECK(set.available == 16);
  CHECK(set.windows() == 2);
  CHECK(set.tokens == std::vector<std::int32_t>{'a', 'b', 'c', 'n', 'o', 'p'});
}

TEST_CASE("a BOS begins every window where the metadata asks for one") {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "abcdefgh");
  TokenizerSpec spec = testing::byte_tokenizer();
  spec.bos = 256;
  spec.add_bos = true;
  CalibrationOptions options;
  options.texts = {folder / "a.txt"};
  options.windows = 2;
  options.window = 3;
  const CalibrationSet set = draw_calibration(Tokenizer(spec), options);
  CHECK(set.tokens == std::vector<std::int32_t>{256, 'a', 'b', 256, 'g', 'h'});
}

TEST_CASE("the hash names ids and window, not the files they came from") {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "abcdefgh");
  write_file(folder / "b.txt", "abcdefgh");
  write_file(folder / "c.txt", "abcdefgX");
  const Tokenizer tokenizer(testing::byte_tokenizer());
  const auto hash = [&](const char* name, std::size_t windows, std::size_t window) {
    CalibrationOptions options;
    options.texts = {folder / name};
    options.windows = windows;
    options.window = window;
    return draw_calibration(tokenizer, options).hash;
  };
  CHECK(hash("a.txt", 2, 4) == hash("b.txt", 2, 4));
  CHECK(hash("a.txt", 2, 4) != hash("c.txt", 2, 4));
  CHECK(hash("a.txt", 2, 4) != hash("a.txt", 4, 2));
}

TEST_CASE("a long text gives the same ids in parts as at once") {
  const TemporaryFolder folder;
  const std::string text = testing::made_up_text(2'500'000, 5);
  write_file(folder / "long.txt", text);
  const Tokenizer tokenizer(testing::byte_tokenizer());
  const std::filesystem::path path = folder / "long.txt";
  const auto ids = tokenize_texts(tokenizer, std::span(&path, 1));
  CHECK(ids == tokenizer.encode(text, {.add_special = false, .parse_special = false}));
}

TEST_CASE("empty, missing and short texts and zero sizes are errors that say so") {
  const TemporaryFolder folder;
  write_file(folder / "empty.txt", "");
  write_file(folder / "short.txt", "abcdefghij");
  const Tokenizer tokenizer(testing::byte_tokenizer());
  const auto draw = [&](const char* name, std::size_t windows, std::size_t window) {
    CalibrationOptions options;
    if (*name != '\0') options.texts = {folder / name};
    options.windows = windows;
    options.window = window;
    draw_calibration(tokenizer, options);
  };
  CHECK(holds(message_of<Error>([&] { draw("empty.txt", 1, 1); }), "empty.txt is empty"));
  CHECK(holds(message_of<Error>([&] { draw("absent.txt", 1, 1); }), "absent.txt"));
  write_file(folder / "latin.txt", "caf\xe9 au lait");
  CHECK(holds(message_of<FormatError>([&] { draw("latin.txt", 1, 1); }), "byte 4 of 12 is 0xe9"));
  write_file(folder / "wide.txt", std::string("a\0b\0", 4));
  CHECK(holds(message_of<FormatError>([&] { draw("wide.txt", 1, 1); }), "byte 2 of 4 is 0x00"));
  const auto message = message_of<Error>([&] { draw("short.txt", 3, 4); });
  CHECK(holds(message, "has 10 tokens"));
  CHECK(holds(message, "need 12"));
  CHECK_THROWS_AS(draw("short.txt", 0, 4), InvalidArgument);
  CHECK_THROWS_AS(draw("short.txt", 4, 0), InvalidArgument);
  CHECK_THROWS_AS(draw("", 1, 1), InvalidArgument);
}

TEST_CASE("held-out windows lie between those of the calibration") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 900; ++i) text += fmt::format("{:04} ", i);
  write_file(folder / "numbers.txt", text);
  const Tokenizer tokenizer(testing::byte_tokenizer());
  CalibrationOptions options;
  options.texts = {folder / "numbers.txt"};
  options.windows = 20;
  options.window = 50;
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    options.seed = seed;
    std::vector<bool> taken(text.size());
    const auto take = [&](const std::vector<std::int32_t>& tokens, std::size_t window) {
      for (std::size_t begin = 0; begin < tokens.size(); begin += window) {
        const std::size_t at =
            text.find(std::string(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                                  tokens.begin() + static_cast<std::ptrdiff_t>(begin + window)));
        REQUIRE(at != std::string::npos);
        for (std::size_t i = at; i < at + window; ++i) {
          CHECK_FALSE(taken[i]);
          taken[i] = true;
        }
      }
    };
    take(draw_calibration(tokenizer, options).tokens, 50);
    take(draw_held_out(tokenizer, options, 10, 80), 80);
    const auto message = message_of<Error>([&] { draw_held_out(tokenizer, options, 1000, 80); });
    CHECK(holds(message, "1000 are needed"));
  }
}

}  // namespace
}  // namespace libquant
