#include "libquant/pipeline/chat_session.h"

#include <algorithm>
#include <iterator>
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
  std::vector<ChatMessage> before = messages_;
  messages_.push_back({"user", std::string(message)});
  try {
    std::size_t forgotten = 0;
    auto tokens = encode_conversation();
    while (tokens.size() > cache_.capacity() / 4 * 3 && forget_oldest()) {
      ++forgotten;
      tokens = encode_conversation();
    }
    Answer given = answer(std::move(tokens), sampling, on_text);
    given.forgotten = forgotten;
    messages_.push_back({"assistant", given.text});
    return given;
  } catch (...) {
    messages_ = std::move(before);
    throw;
  }
}

ChatSession::Answer ChatSession::complete(std::string_view text, const SamplingOptions& sampling,
                                          const OnText& on_text) {
  return answer(encode(text), sampling, on_text);
}

std::vector<std::int32_t> ChatSession::encode(std::string_view text) const {
  std::vector<std::int32_t> tokens;
  const TokenizerSpec& spec = tokenizer_.spec();
  if (spec.add_bos && spec.bos >= 0) tokens.push_back(spec.bos);
  const auto encoded = tokenizer_.encode(text, {.add_special = false, .parse_special = true});
  tokens.insert(tokens.end(), encoded.begin(), encoded.end());
  return tokens;
}

std::vector<std::int32_t> ChatSession::encode_conversation() const {
  return encode(render_chat(format_, tokenizer_.spec(), messages_, true));
}

// A question and its answer; the newest question stays.
bool ChatSession::forget_oldest() {
  const std::ptrdiff_t first = messages_.front().role == "system" ? 1 : 0;
  if (std::ssize(messages_) - first < 3) return false;
  messages_.erase(messages_.begin() + first, messages_.begin() + first + 2);
  return true;
}

ChatSession::Answer ChatSession::answer(std::vector<std::int32_t> tokens, SamplingOptions sampling,
                                        const OnText& on_text) {
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

std::vector<std::int32_t> declared_stops(const Checkpoint& model) {
  std::vector<std::int32_t> stops;
  const auto vocabulary = static_cast<std::int64_t>(model.config().vocabulary_size);
  const auto add = [&](const Json& id, std::string_view file) {
    const std::int64_t value = id.as_int(fmt::format("eos_token_id of {}", file));
    require<FormatError>(value >= 0 && value < vocabulary,
                         "eos_token_id of {} is {}, but there are {} tokens", file, value,
                         vocabulary);
    stops.push_back(static_cast<std::int32_t>(value));
  };
  const auto read = [&](const Json& json, std::string_view file) {
    const Json* id = json.is_object() ? json.find("eos_token_id") : nullptr;
    if (id == nullptr || id->is_null()) return;
    if (!id->is_array()) return add(*id, file);
    for (const Json& one : id->as_array("eos_token_id")) add(one, file);
  };
  read(model.generation_config(), "generation_config.json");
  read(model.source_files().config_json, "config.json");
  std::sort(stops.begin(), stops.end());
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  return stops;
}

}  // namespace libquant
