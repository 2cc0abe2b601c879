#include "libquant/pipeline/chat_session.h"

#include <algorithm>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {

ChatSession::ChatSession(const Model& model, const Tokenizer& tokenizer, ChatFormat format,
                         std::string system, std::size_t context)
    : model_(model),
      tokenizer_(tokenizer),
      format_(format),
      cache_(model.config(), std::min(context, model.config().max_positions)) {
  if (!system.empty()) messages_.push_back({"system", std::move(system)});
}

ChatSession::Answer ChatSession::say(std::string_view message, const SamplingOptions& sampling,
                                     const OnText& on_text) {
  require(format_ != ChatFormat::none,
          "the model has no chat format that libquant knows: name one, or continue plain text");
  messages_.push_back({"user", std::string(message)});
  Answer given;
  try {
    given = answer(render_chat(format_, tokenizer_.spec(), messages_, true), sampling, on_text);
  } catch (...) {
    messages_.pop_back();
    throw;
  }
  messages_.push_back({"assistant", given.text});
  return given;
}

ChatSession::Answer ChatSession::complete(std::string_view text, const SamplingOptions& sampling,
                                          const OnText& on_text) {
  return answer(text, sampling, on_text);
}

ChatSession::Answer ChatSession::answer(std::string_view text, SamplingOptions sampling,
                                        const OnText& on_text) {
  std::vector<std::int32_t> tokens;
  const TokenizerSpec& spec = tokenizer_.spec();
  if (spec.add_bos && spec.bos >= 0) tokens.push_back(spec.bos);
  const auto encoded = tokenizer_.encode(text, {.add_special = false, .parse_special = true});
  tokens.insert(tokens.end(), encoded.begin(), encoded.end());
  require(!tokens.empty(), "the prompt has no tokens");
  require(tokens.size() < cache_.capacity(), "{} tokens do not fit the context of {}",
          tokens.size(), cache_.capacity());

  // What the cache holds already is kept as far as it agrees; the last token is computed anyway,
  // because its logits are needed.
  const std::size_t most = std::min(held_.size(), tokens.size() - 1);
  const auto differs = std::mismatch(
      held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(most), tokens.begin());
  const auto kept = static_cast<std::size_t>(differs.first - held_.begin());
  cache_.truncate(kept);
  held_.resize(kept);

  const auto stops = stop_tokens(format_, tokenizer_);
  sampling.stop.insert(sampling.stop.end(), stops.begin(), stops.end());
  sampling.max_tokens = std::min(sampling.max_tokens, cache_.capacity() - tokens.size());
  Answer given;
  // Embeddings are often padded beyond the tokenizer: a token without a name has no text.
  std::vector<std::int32_t> named;
  const auto speak = [&](std::int32_t token) {
    if (static_cast<std::size_t>(token) >= tokenizer_.vocabulary_size()) return true;
    named.push_back(token);
    return !on_text || on_text(tokenizer_.token_bytes(token));
  };
  given.generation = generate(model_, cache_, std::span(tokens).subspan(kept), sampling, speak);
  given.text = tokenizer_.decode(named);
  tokens.insert(tokens.end(), given.generation.tokens.begin(), given.generation.tokens.end());
  tokens.resize(std::min(tokens.size(), cache_.length()));
  held_ = std::move(tokens);
  return given;
}

}  // namespace libquant
