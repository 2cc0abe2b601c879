#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant::text {

/// What a value of tokenizer.ggml.pre stands for: llama.cpp knows these by name.
struct Preset {
  std::vector<std::string_view> names;
  std::vector<TokenizerSpec::PreTokenizer> pre_tokenizers;
  bool ignore_merges = false;
  bool add_bos = false;  ///< unless tokenizer.ggml.add_bos_token says otherwise
  bool nfc = false;
};

const std::vector<Preset>& presets();
/// nullptr when no preset has this name.
const Preset* preset_named(std::string_view name);
/// The name of the preset that splits text as the spec does, or "": spec.pre if that is right, else
/// one that also agrees on ignore_merges and NFC if there is one. A space put in front of the text
/// does not count.
std::string detect_pre(const TokenizerSpec& spec);

/// The merges that sentencepiece's scores mean, in the order of Hugging Face's converter.
std::vector<std::pair<std::string, std::string>> merges_from_scores(const TokenizerSpec& spec);
/// Scores that put the pieces in the order of the merges: 0 for the first merged piece, then -1, -2
/// ...; characters come after them, tokens that are not text get 0.
std::vector<float> scores_from_merges(const TokenizerSpec& spec);

}  // namespace libquant::text
