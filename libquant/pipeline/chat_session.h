#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

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
  };

  /// The model and tokenizer must outlive it. `context`: most tokens the session can hold, capped
  /// at the model's positions. `system` may be empty.
  ChatSession(const Model& model, const Tokenizer& tokenizer, ChatFormat format, std::string system,
              std::size_t context);

  /// The assistant's answer to one more user message. InvalidArgument when the conversation no
  /// longer fits the context, or the format is none.
  Answer say(std::string_view message, const SamplingOptions& sampling, const OnText& on_text = {});
  /// Continues a text as it is, forgetting earlier ones; BOS where the metadata says so.
  Answer complete(std::string_view text, const SamplingOptions& sampling,
                  const OnText& on_text = {});

 private:
  Answer answer(std::string_view text, SamplingOptions sampling, const OnText& on_text);

  const Model& model_;
  const Tokenizer& tokenizer_;
  ChatFormat format_;
  std::vector<ChatMessage> messages_;
  KvCache cache_;
  std::vector<std::int32_t> held_;  ///< tokens in the cache
};

}  // namespace libquant
