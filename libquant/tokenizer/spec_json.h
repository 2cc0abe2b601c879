#pragma once

#include <string_view>

#include "libquant/io/json.h"
#include "libquant/tokenizer/tokenizer_spec.h"

// The parts of tokenizer.json that are small and the same whatever holds the vocabulary: GGUF's
// "libquant.tokenizer" key is made of them too.
namespace libquant::text {

/// normalizer, pre_tokenizer and decoder; sets the kind, normalizers, pre_tokenizers and
/// strip_leading_space.
void read_steps(const Json& tokenizer, TokenizerSpec* spec);
void write_steps(const TokenizerSpec& spec, Json* tokenizer);

/// The flags of model, without vocab and merges. Refuses other models than BPE.
void read_model_flags(const Json& model, TokenizerSpec* spec);
Json write_model_flags(const TokenizerSpec& spec);

/// One entry of added_tokens, and all of them.
TokenizerSpec::AddedToken read_added_token(const Json& entry, std::string_view source);
Json write_added_tokens(const TokenizerSpec& spec);

}  // namespace libquant::text
