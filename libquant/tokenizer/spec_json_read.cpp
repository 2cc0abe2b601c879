#include <algorithm>
#include <string>
#include <unordered_map>

#include "libquant/core/error.h"
#include "libquant/tokenizer/presets.h"
#include "libquant/tokenizer/spec_json.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant {
namespace {

using TokenType = TokenizerSpec::TokenType;
constexpr std::string_view kSource = "tokenizer.json";

class Reader {
 public:
  Reader(const Json& tokenizer, const Json& config) : tokenizer_(tokenizer), config_(config) {}

  TokenizerSpec run() {
    tokenizer_.as_object("tokenizer.json");
    const Json& model = tokenizer_.at("model");
    text::read_model_flags(model, &spec_);
    text::read_steps(tokenizer_, &spec_);
    vocabulary(model);
    merges(model.at("merges").as_array("merges"));
    if (spec_.map_unknown) {
      spec_.unk = id_of(model.at("unk_token").as_string("unk_token"), "the model's unk_token");
    }
    token_types();
    config();
    check_tokenizer(spec_, kSource);
    if (spec_.kind == TokenizerSpec::Kind::sentencepiece) {
      spec_.scores = text::scores_from_merges(spec_);
    }
    spec_.pre = text::detect_pre(spec_);
    return std::move(spec_);
  }

 private:
  void vocabulary(const Json& model) {
    const Json::Object& vocab = model.at("vocab").as_object("vocab");
    const Json* added = tokenizer_.find("added_tokens");
    static const Json::Array kNone;
    const Json::Array& extra =
        added == nullptr || added->is_null() ? kNone : added->as_array("added_tokens");
    ids_.reserve(vocab.size() + extra.size());
    for (const auto& [piece, id] : vocab) place(piece, id.as_int("the id of a token"));
    for (const Json& entry : extra) {
      const auto token = text::read_added_token(entry, kSource);
      place(entry.at("content").as_string("content"), token.id);
      added_.emplace_back(token, &entry);
    }
    spec_.tokens.resize(ids_.size());
    std::vector<bool> taken(ids_.size());
    for (const auto& [piece, id] : ids_) {
      require<FormatError>(id >= 0 && static_cast<std::size_t>(id) < ids_.size(),
                           "reading tokenizer.json: \"{}\" has the id {}, but {} tokens take the "
                           "ids from 0 without gaps",
                           piece, id, ids_.size());
      const auto index = static_cast<std::size_t>(id);
      require<FormatError>(!taken[index],
                           "reading tokenizer.json: \"{}\" and \"{}\" share the id {}",
                           spec_.tokens[index], piece, id);
      taken[index] = true;
      spec_.tokens[index] = piece;
    }
  }

  void place(const std::string& piece, std::int64_t id) {
    const auto [found, is_new] = ids_.emplace(piece, id);
    require<FormatError>(found->second == id,
                         "reading tokenizer.json: \"{}\" has two ids, {} and {}", piece,
                         found->second, id);
  }

  std::int32_t id_of(const std::string& piece, std::string_view what) const {
    const auto found = ids_.find(piece);
    require<FormatError>(found != ids_.end(),
                         "reading tokenizer.json: {} \"{}\" is not in the vocabulary", what, piece);
    return static_cast<std::int32_t>(found->second);
  }

  void merges(const Json::Array& rules) {
    spec_.merges.reserve(rules.size());
    for (const Json& rule : rules) {
      if (rule.is_array()) {
        const Json::Array& pair = rule.as_array("a merge");
        require<FormatError>(pair.size() == 2,
                             "reading tokenizer.json: merge {} has {} parts, expected 2",
                             spec_.merges.size(), pair.size());
        spec_.merges.emplace_back(pair[0].as_string("a merge"), pair[1].as_string("a merge"));
      } else {
        const std::string& line = rule.as_string("a merge");
        if (line.starts_with("#version")) continue;
        const std::size_t space = line.find(' ');
        require<FormatError>(space != line.npos && line.find(' ', space + 1) == line.npos,
                             "reading tokenizer.json: merge {} \"{}\" is not two pieces with a "
                             "space between",
                             spec_.merges.size(), line);
        spec_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
      }
    }
  }

  void token_types() {
    spec_.types.resize(spec_.tokens.size());
    const bool bytes = spec_.byte_fallback;
    for (std::size_t id = 0; id < spec_.tokens.size(); ++id) {
      const std::string& piece = spec_.tokens[id];
      spec_.types[id] = bytes && text::byte_of_piece(piece) >= 0 ? TokenType::byte
                        : piece == fmt::format("[PAD{}]", id)    ? TokenType::unused
                                                                 : TokenType::normal;
    }
    if (spec_.map_unknown) type_of(spec_.unk) = TokenType::unknown;
    std::sort(added_.begin(), added_.end(),
              [](const auto& a, const auto& b) { return a.first.id < b.first.id; });
    for (const auto& [token, entry] : added_) {
      const Json* special = entry->find("special");
      const bool is_special = special != nullptr && special->as_bool("special");
      const bool is_unknown = spec_.map_unknown && token.id == spec_.unk &&
                              spec_.kind == TokenizerSpec::Kind::sentencepiece;
      type_of(token.id) = !is_special  ? TokenType::user_defined
                          : is_unknown ? TokenType::unknown
                                       : TokenType::control;
      spec_.added.push_back(token);
    }
  }

  TokenType& type_of(std::int32_t id) { return spec_.types[static_cast<std::size_t>(id)]; }

  void config();
  void post_processor(const Json& component);
  void template_processor(const Json& component);
  std::int32_t template_token(const Json& component, const Json& part) const;
  std::int32_t config_token(std::string_view key) const;
  void chat_template();

  const Json& tokenizer_;
  const Json& config_;
  TokenizerSpec spec_;
  std::unordered_map<std::string, std::int64_t> ids_;
  std::vector<std::pair<TokenizerSpec::AddedToken, const Json*>> added_;
};

std::int32_t Reader::config_token(std::string_view key) const {
  const Json* value = config_.find(key);
  if (value == nullptr || value->is_null()) return -1;
  const Json& content = value->is_object() ? value->at("content") : *value;
  return id_of(content.as_string(key), key);
}

void Reader::config() {
  if (!config_.is_null()) config_.as_object("tokenizer_config.json");
  spec_.bos = config_token("bos_token");
  spec_.eos = config_token("eos_token");
  spec_.pad = config_token("pad_token");
  if (!spec_.map_unknown) spec_.unk = config_token("unk_token");
  const Json* processor = tokenizer_.find("post_processor");
  if (processor != nullptr && !processor->is_null()) post_processor(*processor);
  const auto override_flag = [&](std::string_view key, bool& value, std::int32_t id) {
    const Json* set = config_.find(key);
    if (set != nullptr && !set->is_null()) value = set->as_bool(key) && id >= 0;
  };
  override_flag("add_bos_token", spec_.add_bos, spec_.bos);
  override_flag("add_eos_token", spec_.add_eos, spec_.eos);
  chat_template();
}

void Reader::chat_template() {
  const Json* value = config_.find("chat_template");
  if (value == nullptr || value->is_null()) return;
  if (value->is_string()) {
    spec_.chat_template = value->as_string("chat_template");
    return;
  }
  for (const Json& named : value->as_array("chat_template")) {
    if (named.at("name").as_string("chat_template name") == "default") {
      spec_.chat_template = named.at("template").as_string("chat_template template");
    }
  }
}

void Reader::post_processor(const Json& component) {
  const std::string& type = component.at("type").as_string("the type of the post-processor");
  if (type == "Sequence") {
    for (const Json& part : component.at("processors").as_array("processors")) {
      post_processor(part);
    }
  } else if (type == "TemplateProcessing") {
    template_processor(component);
  } else {
    // ByteLevel only moves offsets, which libquant has none of.
    require<NotSupported>(type == "ByteLevel",
                          "reading tokenizer.json: the post-processor {} is not supported", type);
  }
}

std::int32_t Reader::template_token(const Json& component, const Json& part) const {
  const std::string& name = part.at("SpecialToken").at("id").as_string("id");
  const Json& entry = component.at("special_tokens").at(name);
  const Json::Array& ids = entry.at("ids").as_array("ids");
  require<NotSupported>(ids.size() == 1,
                        "reading tokenizer.json: the template adds {} tokens for \"{}\"",
                        ids.size(), name);
  const std::int64_t id = ids[0].as_int("ids");
  require<FormatError>(id >= 0 && static_cast<std::size_t>(id) < spec_.tokens.size(),
                       "reading tokenizer.json: the template adds \"{}\", id {}, but there are {} "
                       "tokens",
                       name, id, spec_.tokens.size());
  return static_cast<std::int32_t>(id);
}

void Reader::template_processor(const Json& component) {
  std::vector<std::int32_t> before, after;
  bool seen_text = false;
  for (const Json& part : component.at("single").as_array("single")) {
    if (part.find("Sequence") != nullptr) {
      require<NotSupported>(!seen_text, "reading tokenizer.json: the template repeats the text");
      seen_text = true;
    } else {
      (seen_text ? after : before).push_back(template_token(component, part));
    }
  }
  require<NotSupported>(seen_text && before.size() <= 1 && after.size() <= 1,
                        "reading tokenizer.json: the template adds {} tokens before and {} after "
                        "the text, at most 1 each is supported",
                        before.size(), after.size());
  const auto adopt = [&](const std::vector<std::int32_t>& ids, std::int32_t& token, bool& add,
                         std::string_view name) {
    add = !ids.empty();
    if (!add) return;
    require<NotSupported>(token < 0 || token == ids[0],
                          "reading tokenizer.json: the template adds token {} as {}, but "
                          "tokenizer_config.json names token {}",
                          ids[0], name, token);
    token = ids[0];
  };
  adopt(before, spec_.bos, spec_.add_bos, "bos");
  adopt(after, spec_.eos, spec_.add_eos, "eos");
}

}  // namespace

TokenizerSpec tokenizer_from_json(const Json& tokenizer, const Json& tokenizer_config) {
  return Reader(tokenizer, tokenizer_config).run();
}

}  // namespace libquant
