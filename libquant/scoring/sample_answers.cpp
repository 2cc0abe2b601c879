#include "libquant/scoring/sample_answers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/core/rng.h"
#include "libquant/model/sampling.h"
#include "libquant/scoring/score_items.h"

namespace libquant {
namespace {

// Prompts that are held in caches at once.
constexpr std::size_t kBatchItems = 16;

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
char upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }

std::string_view stripped(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Letters as the study's patterns see them, without regard to case.
class LetterParser {
 public:
  LetterParser(std::string_view text, std::size_t options)
      : text_(stripped(text)), options_(options) {}

  std::optional<std::size_t> parse() const {
    if (text_.size() == 1)
      if (const auto letter = letter_at(0)) return letter;
    if (const auto letter = leading()) return letter;
    if (const auto letter = announced()) return letter;
    for (std::size_t i = 0; i < text_.size(); ++i)
      if (const auto letter = letter_at(i)) return letter;
    return std::nullopt;
  }

 private:
  std::optional<std::size_t> letter_at(std::size_t at) const {
    if (at >= text_.size()) return std::nullopt;
    const int index = upper(text_[at]) - 'A';
    if (index < 0 || static_cast<std::size_t>(index) >= options_) return std::nullopt;
    return static_cast<std::size_t>(index);
  }
  std::size_t skip(std::size_t at, char c) const {
    return at < text_.size() && text_[at] == c ? at + 1 : at;
  }
  std::size_t skip_spaces(std::size_t at) const {
    while (at < text_.size() && is_space(text_[at])) ++at;
    return at;
  }

  // ^\(?([A-C])\)?[.)\s]
  std::optional<std::size_t> leading() const {
    const std::size_t at = skip(0, '(');
    const auto letter = letter_at(at);
    if (!letter) return std::nullopt;
    const auto delimiter = [&](std::size_t i) {
      return i < text_.size() && (text_[i] == '.' || text_[i] == ')' || is_space(text_[i]));
    };
    // The optional parenthesis may also be the delimiter.
    return delimiter(at + 1) || delimiter(skip(at + 1, ')')) ? letter : std::nullopt;
  }

  // (?:answer|choose|select|pick)\s*(?:is\s*)?\(?([A-C])\)?
  std::optional<std::size_t> announced() const {
    static constexpr std::array<std::string_view, 4> kWords{"answer", "choose", "select", "pick"};
    for (std::size_t at = 0; at < text_.size(); ++at) {
      for (const std::string_view word : kWords) {
        if (!starts_with(at, word)) continue;
        const std::size_t after = skip_spaces(at + word.size());
        if (starts_with(after, "is"))
          if (const auto letter = letter_at(skip(skip_spaces(after + 2), '('))) return letter;
        if (const auto letter = letter_at(skip(after, '('))) return letter;
      }
    }
    return std::nullopt;
  }
  bool starts_with(std::size_t at, std::string_view word) const {
    if (at > text_.size() || word.size() > text_.size() - at) return false;
    return std::equal(word.begin(), word.end(), text_.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char a, char b) { return upper(a) == upper(b); });
  }

  std::string_view text_;
  std::size_t options_;
};

// One answer in the making.
struct Answer {
  std::size_t prompt;
  std::vector<std::int32_t> tokens;
  Rng rng{0};
  bool ended = false;
};

// The prompts of a few items in caches; answers are continued from there, one stream and seed at a
// time, and forgotten.
class PromptBatch {
 public:
  PromptBatch(const Model& model, const Tokenizer& tokenizer,
              std::span<const ProbeItem* const> items, ChatFormat chat,
              const StudyProtocol& protocol)
      : model_(model), tokenizer_(tokenizer), items_(items), protocol_(protocol) {
    sampling_.temperature = protocol.temperature;
    stops_ = stop_tokens(chat, tokenizer);
    TokenBatch batch;
    for (const ProbeItem* item : items) {
      const auto tokens = tokenizer.encode(letter_prompt(*item, 0, tokenizer.spec(), chat));
      batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
      batch.lengths.push_back(tokens.size());
      caches_.push_back(
          std::make_unique<KvCache>(model.config(), tokens.size() + protocol.max_tokens));
    }
    const Matrix hidden = model.hidden_states(batch, pointers(all()));
    Matrix last(items.size(), hidden.cols());
    std::size_t end = 0;
    for (std::size_t i = 0; i < items.size(); ++i)
      std::ranges::copy(hidden.row((end += batch.lengths[i]) - 1), last.row(i).begin());
    first_ = model.logits(last);
    lengths_ = std::move(batch.lengths);
  }

  std::vector<std::string> answers(const AnswerStream& stream, std::uint64_t seed) {
    std::vector<Answer> answers;
    for (std::size_t i = 0; i < items_.size(); ++i)
      answers.push_back({i, {}, Rng(seed_of(stream, seed, *items_[i])), false});
    for (Answer& answer : answers) draw(answer, first_.row(answer.prompt));
    for (std::size_t step = 1; step < protocol_.max_tokens; ++step) advance(answers);
    for (std::size_t i = 0; i < items_.size(); ++i) caches_[i]->truncate(lengths_[i]);
    std::vector<std::string> texts;
    for (const Answer& answer : answers) texts.push_back(text_of(answer));
    return texts;
  }

 private:
  static std::uint64_t seed_of(const AnswerStream& stream, std::uint64_t seed,
                               const ProbeItem& item) {
    if (stream.noise == Noise::common) return seed;
    return hash64(fmt::format("{}/{}/{}", item.id, seed, stream.stream));
  }
  std::vector<std::size_t> all() const {
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < caches_.size(); ++i) indices.push_back(i);
    return indices;
  }
  std::vector<KvCache*> pointers(const std::vector<std::size_t>& indices) const {
    std::vector<KvCache*> out;
    for (const std::size_t i : indices) out.push_back(caches_[i].get());
    return out;
  }
  void draw(Answer& answer, std::span<const float> logits) {
    const std::int32_t token = sample_token(logits, sampling_, answer.rng);
    answer.ended = std::find(stops_.begin(), stops_.end(), token) != stops_.end();
    if (!answer.ended) answer.tokens.push_back(token);
  }
  // Embeddings are often padded beyond the tokenizer: a token without a name has no text.
  std::string text_of(const Answer& answer) const {
    std::vector<std::int32_t> named;
    for (const std::int32_t token : answer.tokens)
      if (static_cast<std::size_t>(token) < tokenizer_.vocabulary_size()) named.push_back(token);
    return tokenizer_.decode(named);
  }
  // One more token of every answer that goes on.
  void advance(std::vector<Answer>& answers) {
    TokenBatch batch;
    std::vector<std::size_t> going;
    for (const Answer& answer : answers) {
      if (answer.ended) continue;
      going.push_back(answer.prompt);
      batch.tokens.push_back(answer.tokens.back());
      batch.lengths.push_back(1);
    }
    if (going.empty()) return;
    const Matrix logits = model_.logits(model_.hidden_states(batch, pointers(going)));
    for (std::size_t r = 0; r < going.size(); ++r) draw(answers[going[r]], logits.row(r));
  }

  const Model& model_;
  const Tokenizer& tokenizer_;
  std::span<const ProbeItem* const> items_;
  const StudyProtocol& protocol_;
  SamplingOptions sampling_;
  std::vector<std::int32_t> stops_;
  std::vector<std::unique_ptr<KvCache>> caches_;
  std::vector<std::size_t> lengths_;
  Matrix first_;
};

}  // namespace

std::string_view to_string(Noise noise) noexcept {
  return noise == Noise::common ? "common" : "independent";
}

std::optional<std::size_t> parse_letter(std::string_view text, std::size_t options) {
  require(options >= 1 && options <= 26, "a letter of {} options", options);
  return LetterParser(text, options).parse();
}

std::vector<std::vector<SampledItem>> sample_answers(const Model& model, const Tokenizer& tokenizer,
                                                     std::span<const ProbeItem* const> items,
                                                     ChatFormat chat, const StudyProtocol& protocol,
                                                     std::span<const AnswerStream> streams,
                                                     const ProgressCallback& progress) {
  require(protocol.temperature > 0 && protocol.max_tokens > 0 && !protocol.seeds.empty(),
          "sampling {} tokens with {} seeds at temperature {}", protocol.max_tokens,
          protocol.seeds.size(), protocol.temperature);
  std::vector<std::vector<SampledItem>> out(streams.size());
  for (std::size_t begin = 0; begin < items.size(); begin += kBatchItems) {
    const auto batch = items.subspan(begin, std::min(kBatchItems, items.size() - begin));
    PromptBatch prompts(model, tokenizer, batch, chat, protocol);
    for (std::size_t s = 0; s < streams.size(); ++s) {
      for (const ProbeItem* item : batch) out[s].push_back({item->id, {}, {}});
      for (const std::uint64_t seed : protocol.seeds) {
        const auto texts = prompts.answers(streams[s], seed);
        for (std::size_t i = 0; i < batch.size(); ++i) {
          SampledItem& sampled = out[s][begin + i];
          const auto choice = parse_letter(texts[i], batch[i]->options.size());
          sampled.texts.push_back(texts[i]);
          sampled.choices.push_back(choice ? static_cast<int>(*choice) : -1);
        }
      }
    }
    const Progress step{"sampling answers", static_cast<double>(begin + batch.size()),
                        static_cast<double>(items.size())};
    if (progress && !progress(step)) fail<Interrupted>("stopped while sampling answers");
  }
  return out;
}

}  // namespace libquant
