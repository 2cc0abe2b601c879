#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

/// Text for calibration: `windows` windows of `window` tokens are drawn from the tokenized text,
/// evenly spread (seed = 0) or at seeded places; they never overlap. Where the tokenizer's metadata
/// asks for a BOS, every window begins with one (which counts as one of its tokens).
///
/// Many short windows: the first tokens of a sequence carry massive activations, and a Hessian that
/// knows them from few sequences only quantizes badly (docs/calibration.md has figures).
struct CalibrationOptions {
  std::vector<std::filesystem::path> texts;
  std::size_t windows = 256;
  std::size_t window = 64;
  std::uint64_t seed = 0;
};

/// What calibration runs on.
struct CalibrationSet {
  std::vector<std::int32_t> tokens;  ///< windows after one another
  std::size_t window = 0;
  std::size_t available = 0;  ///< tokens that the text holds
  std::string hash;           ///< over the ids and the window

  std::size_t windows() const noexcept { return window == 0 ? 0 : tokens.size() / window; }
};

/// Reads and tokenizes the texts (long ones in parts of about a megabyte, cut at line ends) and
/// draws the windows. Throws InvalidArgument for zero sizes, Error for a text that cannot be read,
/// is empty, or holds fewer tokens than asked for (the message says how many it has).
CalibrationSet draw_calibration(const Tokenizer& tokenizer, const CalibrationOptions& options);

/// `windows` windows of `window` tokens each, after one another, of the text between the windows
/// that draw_calibration takes with the same options: evenly spread, without BOS. Throws Error for
/// a text that has fewer such places (the message says how many).
std::vector<std::int32_t> draw_held_out(const Tokenizer& tokenizer,
                                        const CalibrationOptions& options, std::size_t windows,
                                        std::size_t window);

/// The token ids of all texts, each tokenized by itself, without BOS or EOS.
std::vector<std::int32_t> tokenize_texts(const Tokenizer& tokenizer,
                                         std::span<const std::filesystem::path> texts);

/// Where each window begins: `windows` ascending offsets at least `window` apart. Needs
/// windows * window <= available.
std::vector<std::size_t> window_offsets(std::size_t available, std::size_t windows,
                                        std::size_t window, std::uint64_t seed);

}  // namespace libquant
