#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/progress.h"
#include "libquant/model/model.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/tokenizer/chat.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

/// How study 2605.15208 asks: letters sampled as text, a few tokens, once per seed.
struct StudyProtocol {
  double temperature = 0.3;
  std::size_t max_tokens = 5;
  std::vector<std::uint64_t> seeds{42, 123, 456, 789, 1024};
};

/// Whether a seed is one fixed draw for every item and every model, as in the study, whose seed is
/// set anew before each answer; or every answer has a draw of its own, as in other runtimes.
enum class Noise : std::uint8_t { common, independent };
std::string_view to_string(Noise noise) noexcept;

/// One stream of answers: per item one per seed.
struct AnswerStream {
  Noise noise = Noise::common;
  std::uint64_t stream = 0;  ///< of independent noise: another number, other draws
};

/// The answers of one item in one stream.
struct SampledItem {
  std::string id;
  std::vector<std::string> texts;  ///< per seed
  std::vector<int> choices;        ///< per seed: index of the option, -1 = not parsed
};

/// The study's parser, its defects included ("A person" is read as A, "Cannot tell" as C): the text
/// is a letter; begins with one and a delimiter; says "answer is B"; or the first character that is
/// one of the letters. Letters are those of `options` options.
std::optional<std::size_t> parse_letter(std::string_view text, std::size_t options);

/// Asks for the items' letters with the options in their own order. Per stream, the items' answers
/// in the items' order. Prompts are computed once for all streams.
std::vector<std::vector<SampledItem>> sample_answers(const Model& model, const Tokenizer& tokenizer,
                                                     std::span<const ProbeItem* const> items,
                                                     ChatFormat chat, const StudyProtocol& protocol,
                                                     std::span<const AnswerStream> streams,
                                                     const ProgressCallback& progress = {});

}  // namespace libquant
