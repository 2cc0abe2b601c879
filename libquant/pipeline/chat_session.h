#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/model/generate.h"
#include "libquant/model/kv_cache.h"
#include "libquant/model/model.h"
#include "libquant/tokenizer/chat.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

/// A conversation, or a plain text that goes on. Keys and values of everything said so far stay in
/// memory: a turn computes its new tokens only. Not thread-safe.
class ChatSession {
 public:
  /// Called with the bytes of each token as it comes (a character may be spread over several);
  /// returning false ends the answer.
  using OnText = std::function<bool(std::string_view)>;

  struct Answer {
    std::string text;
    Generation generation;
    std::size_t forgotten = 0;  ///< exchanges that had to be dropped to make room for this one
  };

  /// The model and tokenizer must outlive it. `context`: most tokens the session can hold, capped
  /// at the model's positions. `system` may be empty.
  ChatSession(const Model& model, const Tokenizer& tokenizer, ChatFormat format, std::string system,
              std::size_t context);

  /// The assistant's answer to one more user message. A conversation that leaves less than a
  /// quarter of the context for the answer forgets its oldest exchanges, the system message never.
  /// InvalidArgument when even the message alone does not fit, or the format is none; the
  /// conversation is then as it was.
  Answer say(std::string_view message, const SamplingOptions& sampling, const OnText& on_text = {});
  /// Continues a text as it is, forgetting earlier ones; BOS where the metadata says so.
  Answer complete(std::string_view text, const SamplingOptions& sampling,
                  const OnText& on_text = {});

 private:
  std::vector<std::int32_t> encode(std::string_view text) const;
  std::vector<std::int32_t> encode_conversation() const;
  bool forget_oldest();
  Answer answer(std::vector<std::int32_t> tokens, SamplingOptions sampling, const OnText& on_text);

  const Model& model_;
  const Tokenizer& tokenizer_;
  ChatFormat format_;
  std::vector<ChatMessage> messages_;
  KvCache cache_;
  std::vector<std::int32_t> held_;  ///< tokens in the cache
};

/// Tokens at which a model's own files say that an answer ends: eos_token_id, one or a list, of
/// generation_config.json and config.json. For SamplingOptions::stop; a GGUF names its own in
/// the tokenizer, where stop_tokens finds them. FormatError for what is no token id.
std::vector<std::int32_t> declared_stops(const Checkpoint& model);

}  // namespace libquant
