#include "libquant/tokenizer/spec_json.h"

#include <span>
#include <string>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"

namespace libquant {
namespace text {
namespace {

bool flag(const Json& component, std::string_view key, bool absent) {
  const Json* value = component.find(key);
  return value == nullptr || value->is_null() ? absent : value->as_bool(key);
}

void refuse_affix(const Json& model, std::string_view key) {
  const Json* value = model.find(key);
  if (value == nullptr || value->is_null()) return;
  require<NotSupported>(value->as_string(key).empty(),
                        "reading tokenizer.json: the BPE model's {} \"{}\" is not supported", key,
                        value->as_string(key));
}

}  // namespace

void read_model_flags(const Json& model, TokenizerSpec* spec) {
  model.as_object("tokenizer.json's model");
  const std::string& type = model.at("type").as_string("the type of the model");
  require<NotSupported>(type == "BPE",
                        "reading tokenizer.json: the model {} is not supported, "
                        "only BPE is",
                        type);
  refuse_affix(model, "continuing_subword_prefix");
  refuse_affix(model, "end_of_word_suffix");
  if (const Json* dropout = model.find("dropout"); dropout != nullptr && !dropout->is_null()) {
    require<NotSupported>(dropout->as_double("dropout") == 0.0,
                          "reading tokenizer.json: BPE dropout is not supported");
  }
  spec->ignore_merges = flag(model, "ignore_merges", false);
  spec->byte_fallback = flag(model, "byte_fallback", false);
  spec->fuse_unknown = flag(model, "fuse_unk", false);
  const Json* unk = model.find("unk_token");
  spec->map_unknown = unk != nullptr && !unk->is_null();
}

Json write_model_flags(const TokenizerSpec& spec) {
  Json model = Json::object({{"type", "BPE"},
                             {"dropout", nullptr},
                             {"unk_token", nullptr},
                             {"continuing_subword_prefix", nullptr},
                             {"end_of_word_suffix", nullptr},
                             {"fuse_unk", spec.fuse_unknown},
                             {"byte_fallback", spec.byte_fallback},
                             {"ignore_merges", spec.ignore_merges}});
  if (spec.map_unknown) {
    model.set("unk_token", spec.tokens[static_cast<std::size_t>(spec.unk)]);
  }
  return model;
}

TokenizerSpec::AddedToken read_added_token(const Json& entry, std::string_view source) {
  entry.as_object("an added token");
  const std::int64_t id = entry.at("id").as_int("the id of an added token");
  require<FormatError>(id >= 0 && id <= INT32_MAX, "reading {}: added token \"{}\" has the id {}",
                       source, entry.at("content").as_string("content"), id);
  return {static_cast<std::int32_t>(id), flag(entry, "lstrip", false), flag(entry, "rstrip", false),
          flag(entry, "single_word", false),
          flag(entry, "normalized", !flag(entry, "special", false))};
}

Json write_added_tokens(const TokenizerSpec& spec) {
  Json::Array out;
  for (const auto& token : spec.added) {
    const auto id = static_cast<std::size_t>(token.id);
    out.push_back(
        Json::object({{"id", id},
                      {"content", spec.tokens[id]},
                      {"single_word", token.single_word},
                      {"lstrip", token.lstrip},
                      {"rstrip", token.rstrip},
                      {"normalized", token.normalized},
                      {"special", spec.types[id] != TokenizerSpec::TokenType::user_defined}}));
  }
  return out;
}

}  // namespace text

namespace {

const std::string& piece(const TokenizerSpec& spec, std::int32_t id) {
  return spec.tokens[static_cast<std::size_t>(id)];
}

Json write_post_processor(const TokenizerSpec& spec) {
  if (!spec.add_bos && !spec.add_eos) return {};
  const auto special = [&](std::int32_t id, int type) {
    return Json::object(
        {{"SpecialToken", Json::object({{"id", piece(spec, id)}, {"type_id", type}})}});
  };
  const auto text = [](const char* name, int type) {
    return Json::object({{"Sequence", Json::object({{"id", name}, {"type_id", type}})}});
  };
  Json::Array single, pair;
  const auto append = [&](Json::Array& out, const char* name, int type) {
    if (spec.add_bos) out.push_back(special(spec.bos, type));
    out.push_back(text(name, type));
    if (spec.add_eos) out.push_back(special(spec.eos, type));
  };
  append(single, "A", 0);
  append(pair, "A", 0);
  append(pair, "B", 1);
  Json tokens = Json(Json::Object{});
  for (const std::int32_t id : {spec.add_bos ? spec.bos : -1, spec.add_eos ? spec.eos : -1}) {
    if (id < 0) continue;
    tokens.set(piece(spec, id), Json::object({{"id", piece(spec, id)},
                                              {"ids", Json::Array{Json(std::int64_t{id})}},
                                              {"tokens", Json::Array{Json(piece(spec, id))}}}));
  }
  return Json::object({{"type", "TemplateProcessing"},
                       {"single", std::move(single)},
                       {"pair", std::move(pair)},
                       {"special_tokens", std::move(tokens)}});
}

Json write_model(const TokenizerSpec& spec) {
  Json model = text::write_model_flags(spec);
  Json::Object vocab;
  vocab.reserve(spec.tokens.size());
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) vocab.emplace_back(spec.tokens[id], id);
  Json::Array merges;
  merges.reserve(spec.merges.size());
  for (const auto& [left, right] : spec.merges) {
    merges.push_back(Json::Array{Json(left), Json(right)});
  }
  model.set("vocab", std::move(vocab));
  model.set("merges", std::move(merges));
  return model;
}

Json write_config(const TokenizerSpec& spec) {
  Json config = Json::object({{"tokenizer_class", "PreTrainedTokenizerFast"},
                              {"clean_up_tokenization_spaces", false},
                              {"add_bos_token", spec.add_bos},
                              {"add_eos_token", spec.add_eos}});
  const std::pair<const char*, std::int32_t> named[] = {{"bos_token", spec.bos},
                                                        {"eos_token", spec.eos},
                                                        {"unk_token", spec.unk},
                                                        {"pad_token", spec.pad}};
  for (const auto& [key, id] : named) {
    config.set(key, id < 0 ? Json() : Json(piece(spec, id)));
  }
  if (!spec.chat_template.empty()) config.set("chat_template", spec.chat_template);
  return config;
}

void hash_text(Hasher& hasher, std::string_view text) {
  const std::uint64_t size = text.size();
  hasher.update(std::as_bytes(std::span(&size, 1)));
  hasher.update(text);
}

}  // namespace

std::pair<Json, Json> tokenizer_to_json(const TokenizerSpec& spec) {
  check_tokenizer(spec, "the tokenizer to write");
  Json tokenizer = Json::object({{"version", "1.0"},
                                 {"truncation", nullptr},
                                 {"padding", nullptr},
                                 {"added_tokens", text::write_added_tokens(spec)}});
  text::write_steps(spec, &tokenizer);
  tokenizer.set("post_processor", write_post_processor(spec));
  tokenizer.set("model", write_model(spec));
  return {std::move(tokenizer), write_config(spec)};
}

void hash_tokenizer(const TokenizerSpec& spec, Hasher& hasher) {
  for (const std::string& token : spec.tokens) hash_text(hasher, token);
  hasher.update(std::as_bytes(std::span(spec.types)));
  for (const auto& [left, right] : spec.merges) {
    hash_text(hasher, left);
    hash_text(hasher, right);
  }
  hasher.update(std::as_bytes(std::span(spec.scores)));
  Json rest = write_config(spec);
  text::write_steps(spec, &rest);
  rest.set("added_tokens", text::write_added_tokens(spec));
  rest.set("model", text::write_model_flags(spec));
  hash_text(hasher, rest.dump());
}

}  // namespace libquant
