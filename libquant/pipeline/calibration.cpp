#include "libquant/pipeline/calibration.h"

#include <algorithm>
#include <numeric>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/core/rng.h"
#include "libquant/io/mapped_file.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

constexpr std::size_t kPartBytes = std::size_t{1} << 20;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Bounded parts keep the tokenizer's workspace small however long the text is. A single line end
// between two words is where no pre-tokenizer pattern joins two lines, so the ids stay the same.
std::size_t part_end(std::string_view text, std::size_t begin) {
  if (text.size() - begin <= kPartBytes) return text.size();
  for (std::size_t at = text.find('\n', begin + kPartBytes); at != std::string_view::npos;
       at = text.find('\n', at + 1))
    if (at + 1 < text.size() && !is_space(text[at - 1]) && !is_space(text[at + 1])) return at + 1;
  return text.size();
}

void append_tokens(const Tokenizer& tokenizer, std::string_view text,
                   std::vector<std::int32_t>& tokens) {
  const Tokenizer::EncodeOptions plain{.add_special = false, .parse_special = false};
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = part_end(text, begin);
    const auto part = tokenizer.encode(text.substr(begin, end - begin), plain);
    tokens.insert(tokens.end(), part.begin(), part.end());
    begin = end;
  }
}

// Tokens of text in a window; the rest of it is a BOS.
std::size_t body_tokens(const Tokenizer& tokenizer, const CalibrationOptions& options) {
  const TokenizerSpec& spec = tokenizer.spec();
  return options.window - (spec.add_bos && spec.bos >= 0 ? 1 : 0);
}

std::string hash_of(const CalibrationSet& set) {
  Hasher hasher;
  hasher.update(fmt::format("window {} ids ", set.window));
  hasher.update(std::as_bytes(std::span(set.tokens)));
  return hasher.hex();
}

}  // namespace

std::vector<std::int32_t> tokenize_texts(const Tokenizer& tokenizer,
                                         std::span<const std::filesystem::path> texts) {
  std::vector<std::int32_t> tokens;
  for (const auto& path : texts) {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    require<Error>(!bytes.empty(), "text {} is empty", path.string());
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t bad = not_plain_text_at(text);
    require<FormatError>(bad == std::string_view::npos,
                         "text {} is no plain text in UTF-8: byte {} of {} is 0x{:02x}",
                         path.string(), bad + 1, text.size(),
                         bad < text.size() ? static_cast<unsigned char>(text[bad]) : 0);
    append_tokens(tokenizer, text, tokens);
  }
  return tokens;
}

std::vector<std::size_t> window_offsets(std::size_t available, std::size_t windows,
                                        std::size_t window, std::uint64_t seed) {
  std::vector<std::size_t> offsets(windows);
  if (seed == 0) {
    const std::size_t span = available - window;
    for (std::size_t i = 0; i < windows; ++i) {
      // i * span / (windows - 1) without overflow for any text that fits in memory.
      const std::size_t steps = std::max<std::size_t>(windows - 1, 1);
      offsets[i] = span / steps * i + span % steps * i / steps;
    }
    return offsets;
  }
  // Distinct slots of a grid with a random phase: no overlap, and every text position can be drawn.
  Rng rng(seed);
  const std::size_t slots = available / window;
  const std::size_t phase = rng.below(available - slots * window + 1);
  std::vector<std::size_t> order(slots);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = 0; i < windows; ++i) std::swap(order[i], order[i + rng.below(slots - i)]);
  std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(windows));
  for (std::size_t i = 0; i < windows; ++i) offsets[i] = phase + order[i] * window;
  return offsets;
}

std::vector<std::int32_t> draw_held_out(const Tokenizer& tokenizer,
                                        const CalibrationOptions& options, std::size_t windows,
                                        std::size_t window) {
  const auto text = tokenize_texts(tokenizer, options.texts);
  const std::size_t body = body_tokens(tokenizer, options);
  require<Error>(options.windows <= text.size() / body,
                 "calibration text has {} tokens, too few for {} windows of {}", text.size(),
                 options.windows, body);
  std::vector<std::size_t> taken = window_offsets(text.size(), options.windows, body, options.seed);
  taken.push_back(text.size());
  std::vector<std::size_t> places;
  std::size_t begin = 0;
  for (const std::size_t end : taken) {
    for (; begin <= end && end - begin >= window; begin += window) places.push_back(begin);
    begin = end + body;
  }
  require<Error>(windows <= places.size(),
                 "calibration text of {} tokens has room for {} windows of {} tokens beside those "
                 "of the calibration, {} are needed: give more text",
                 text.size(), places.size(), window, windows);
  std::vector<std::int32_t> tokens;
  for (std::size_t i = 0; i < windows; ++i) {
    const auto from =
        text.begin() + static_cast<std::ptrdiff_t>(places[i * places.size() / windows]);
    tokens.insert(tokens.end(), from, from + static_cast<std::ptrdiff_t>(window));
  }
  return tokens;
}

CalibrationSet draw_calibration(const Tokenizer& tokenizer, const CalibrationOptions& options) {
  require(!options.texts.empty(), "calibration needs at least one text file");
  require(options.windows > 0 && options.window > 0,
          "calibration needs at least one window of at least one token, got {} x {}",
          options.windows, options.window);
  const TokenizerSpec& spec = tokenizer.spec();
  const bool bos = spec.add_bos && spec.bos >= 0;
  require(!bos || options.window > 1, "calibration windows of one token would hold only the BOS");
  const std::size_t body = body_tokens(tokenizer, options);

  const auto text = tokenize_texts(tokenizer, options.texts);
  require<Error>(options.windows <= text.size() / body,
                 "calibration text has {} tokens, but {} windows of {} tokens need {}: give more "
                 "text, or fewer or shorter windows",
                 text.size(), options.windows, body, options.windows * body);
  CalibrationSet set;
  set.window = options.window;
  set.available = text.size();
  set.tokens.reserve(options.windows * options.window);
  for (const std::size_t offset :
       window_offsets(text.size(), options.windows, body, options.seed)) {
    if (bos) set.tokens.push_back(spec.bos);
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(offset);
    set.tokens.insert(set.tokens.end(), begin, begin + static_cast<std::ptrdiff_t>(body));
  }
  set.hash = hash_of(set);
  return set;
}

}  // namespace libquant
