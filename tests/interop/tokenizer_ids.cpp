// Shows what libquant's tokenizer does, for comparison with other programs:
//   tokenizer_ids ids    SOURCE FILE...  one line of JSON per file: ids of the whole text
//   tokenizer_ids lines  SOURCE FILE     one line of JSON per line of the file
//   tokenizer_ids decode SOURCE FILE     FILE holds a JSON array of ids per line; the texts as JSON
//   tokenizer_ids json   SOURCE FOLDER   writes tokenizer.json and tokenizer_config.json
//   tokenizer_ids chat   SOURCE FILE     FILE holds a JSON array of messages per line
// SOURCE is a GGUF file, a folder with tokenizer.json, or a tokenizer.json.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "libquant/core/error.h"
#include "libquant/io/gguf.h"
#include "libquant/io/json.h"
#include "libquant/tokenizer/chat.h"
#include "libquant/tokenizer/tokenizer.h"

namespace {

namespace fs = std::filesystem;
using libquant::Json;

libquant::TokenizerSpec read_spec(const fs::path& source) {
  if (source.extension() == ".gguf") {
    return libquant::tokenizer_from_gguf(libquant::GgufFile(source).metadata());
  }
  const fs::path file = fs::is_directory(source) ? source / "tokenizer.json" : source;
  const fs::path config = file.parent_path() / "tokenizer_config.json";
  return libquant::tokenizer_from_json(Json::parse_file(file),
                                       fs::exists(config) ? Json::parse_file(config) : Json());
}

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  libquant::require(in.good(), "reading {}", path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void print_ids(const std::vector<std::int32_t>& ids) {
  Json::Array out;
  for (const std::int32_t id : ids) out.push_back(std::int64_t{id});
  std::cout << Json(std::move(out)).dump() << "\n";
}

template <typename Do>
void for_each_line(const std::string& text, Do what) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    what(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
}

void decode(const libquant::Tokenizer& tokenizer, const fs::path& path) {
  for_each_line(read_text(path), [&](std::string_view line) {
    std::vector<std::int32_t> ids;
    const Json parsed = Json::parse(line, "ids");
    for (const Json& id : parsed.as_array("ids")) {
      ids.push_back(static_cast<std::int32_t>(id.as_int("id")));
    }
    Json::Array texts{Json(tokenizer.decode(ids)), Json(tokenizer.decode(ids, true))};
    std::cout << Json(std::move(texts)).dump() << "\n";
  });
}

void write_json(const libquant::TokenizerSpec& spec, const fs::path& folder) {
  const auto [tokenizer, config] = libquant::tokenizer_to_json(spec);
  fs::create_directories(folder);
  std::ofstream(folder / "tokenizer.json") << tokenizer.dump(1);
  std::ofstream(folder / "tokenizer_config.json") << config.dump(1);
}

void chat(const libquant::TokenizerSpec& spec, const fs::path& path) {
  const auto format = libquant::detect_chat_format(spec);
  for_each_line(read_text(path), [&](std::string_view line) {
    std::vector<libquant::ChatMessage> messages;
    const Json parsed = Json::parse(line, "messages");
    for (const Json& message : parsed.as_array("messages")) {
      messages.push_back(
          {message.at("role").as_string("role"), message.at("content").as_string("content")});
    }
    std::cout << Json(libquant::render_chat(format, spec, messages, true)).dump() << "\n";
  });
}

void run(const std::vector<std::string>& arguments) {
  libquant::require(arguments.size() >= 3, "usage: tokenizer_ids MODE SOURCE FILE...");
  const std::string& mode = arguments[0];
  libquant::TokenizerSpec spec = read_spec(arguments[1]);
  if (mode == "json") return write_json(spec, arguments[2]);
  if (mode == "chat") return chat(spec, arguments[2]);
  const libquant::Tokenizer tokenizer(std::move(spec));
  if (mode == "decode") return decode(tokenizer, arguments[2]);
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string text = read_text(arguments[i]);
    if (mode == "ids") {
      print_ids(tokenizer.encode(text));
    } else {
      libquant::require(mode == "lines", "mode \"{}\" is none of ids, lines, decode, json, chat",
                        mode);
      for_each_line(text, [&](std::string_view line) { print_ids(tokenizer.encode(line)); });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tokenizer_ids: " << error.what() << "\n";
    return 1;
  }
}
