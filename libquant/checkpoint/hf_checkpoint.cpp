#include "libquant/checkpoint/hf_checkpoint.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "libquant/checkpoint/hf_config.h"
#include "libquant/checkpoint/packed_folder.h"
#include "libquant/checkpoint/safetensors_folder.h"
#include "libquant/checkpoint/stored_checkpoint.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string, std::less<>>;

constexpr const char* kTokenizerFiles[] = {
    "tokenizer.json",    "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "tokenizer.model",       "vocab.json",
    "merges.txt",        "chat_template.jinja",   "chat_template.json"};

std::unique_ptr<PackedFormat> make_packed(const fs::path& folder, const Json& config) {
  const Json* quantization = config.find("quantization_config");
  if (quantization == nullptr) quantization = config.find("compression_config");
  std::string source = (folder / "config.json").string() + ": quantization_config";
  Json separate;
  if (quantization == nullptr || quantization->is_null()) {
    const fs::path file = folder / "quantize_config.json";
    if (!fs::exists(file)) return nullptr;
    separate = Json::parse_file(file);
    quantization = &separate;
    source = file.string();
  }
  const Json* method = quantization->find("quant_method");
  // AutoGPTQ's quantize_config.json has no method: it knew only one.
  const std::string name = method != nullptr ? method->as_string(source + ".quant_method")
                                             : (quantization == &separate ? "gptq" : "missing");
  if (name == "compressed-tensors") return make_compressed_tensors(*quantization, source);
  if (name == "gptq") return make_gptq(*quantization, source);
  fail<NotSupported>("{}: quant_method is {}; libquant reads compressed-tensors and gptq", source,
                     name);
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::unique_ptr<TensorReader> make_dense(const SafetensorsFolder& folder, const TensorSpec& spec) {
  const StoredPart& part = *folder.find(spec.name);
  const std::string where = part.file->path().string();
  const DType type = part.tensor->dtype;
  require<FormatError>(type == DType::f32 || type == DType::f16 || type == DType::bf16,
                       "{}: tensor {} is {}, expected F32, F16 or BF16", where, spec.name,
                       to_string(type));
  require<FormatError>(part.tensor->shape == spec.shape(),
                       "{}: tensor {} has shape {}, config.json asks for {}", where, spec.name,
                       shape_text(part.tensor->shape), shape_text(spec.shape()));
  return std::make_unique<DenseReader>(spec, part);
}

std::string first_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// A bias that is all zero: AutoGPTQ gave one to every layer.
bool is_zero_bias(const StoredPart& part) {
  return ends_with(part.tensor->name, ".bias") &&
         std::all_of(part.tensor->bytes.begin(), part.tensor->bytes.end(),
                     [](std::byte b) { return b == std::byte{0}; });
}

// A tensor that the config does not ask for would silently change nothing: files that hold one are
// of another model than their config says.
void check_unused(const SafetensorsFolder& folder, const Names& used, const ModelConfig& config,
                  bool packed) {
  std::vector<std::string> extra;
  for (const auto& [name, part] : folder.parts()) {
    if (used.count(name) != 0) continue;
    if (ends_with(name, ".rotary_emb.inv_freq")) continue;  // a buffer of transformers < 4.32
    if (name == "lm_head.weight" && config.tied_embeddings) continue;
    if (packed && is_zero_bias(part)) continue;
    extra.push_back(name);
  }
  require<FormatError>(extra.empty(), "{}: tensors that config.json has no place for: {}",
                       folder.path().string(), first_names(extra));
}

void add_readers(const SafetensorsFolder& folder, const PackedFormat* packed,
                 StoredCheckpoint::Content& content) {
  Names used;
  std::vector<std::string> missing;
  for (const TensorSpec& spec : content.specs) {
    std::unique_ptr<TensorReader> reader;
    if (packed != nullptr && !spec.is_vector()) reader = packed->reader(folder, spec, used);
    if (reader == nullptr && folder.find(spec.name) != nullptr) {
      reader = make_dense(folder, spec);
      used.insert(spec.name);
    }
    if (reader == nullptr)
      missing.push_back(spec.name);
    else
      content.readers.emplace(spec.name, std::move(reader));
  }
  require<FormatError>(missing.empty(), "{}: missing tensors: {}", folder.path().string(),
                       first_names(missing));
  check_unused(folder, used, content.config, packed != nullptr);
}

// transformers >= 4.50 may keep the template in a file of its own.
TokenizerSpec read_tokenizer(const fs::path& folder) {
  const fs::path file = folder / "tokenizer.json";
  const fs::path config = folder / "tokenizer_config.json";
  TokenizerSpec spec = tokenizer_from_json(Json::parse_file(file),
                                           fs::exists(config) ? Json::parse_file(config) : Json());
  const fs::path chat = folder / "chat_template.jinja";
  if (spec.chat_template.empty() && fs::exists(chat)) {
    const MappedFile text(chat);
    spec.chat_template.assign(reinterpret_cast<const char*>(text.bytes().data()),
                              text.bytes().size());
  }
  return spec;
}

// Models that lie in a folder which is none itself, as a run with several formats leaves them.
std::string models_in(const fs::path& folder) {
  std::vector<std::string> found;
  const auto look = [&](const fs::path& place) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(place, unreadable)) {
      if (entry.path().extension() == ".gguf") found.push_back(entry.path().string());
      if (fs::exists(entry.path() / "config.json", unreadable))
        found.push_back(entry.path().string());
    }
  };
  look(folder);
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable))
    if (entry.is_directory(unreadable)) look(entry.path());
  std::sort(found.begin(), found.end());
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(found.size(), kShown); ++i)
    text += (i == 0 ? "; models in it: " : ", ") + found[i];
  return text + (found.size() > kShown ? ", ..." : "");
}

}  // namespace

std::unique_ptr<Checkpoint> open_hf_folder(const fs::path& folder) {
  const fs::path config_file = folder / "config.json";
  if (!fs::exists(config_file))
    fail<FormatError>("{} has no config.json{}", folder.string(), models_in(folder));
  StoredCheckpoint::Content content;
  content.source_files.config_json = Json::parse_file(config_file);
  const Json& config = content.source_files.config_json;
  content.config = config_from_json(config, config_file.string());
  content.specs = tensor_specs(content.config);

  const std::unique_ptr<PackedFormat> packed = make_packed(folder, config);
  content.format = packed == nullptr ? "safetensors" : packed->name();
  const auto files = std::make_shared<SafetensorsFolder>(folder);
  add_readers(*files, packed.get(), content);
  content.files = files;

  for (const char* name : kTokenizerFiles)
    if (fs::exists(folder / name)) content.source_files.tokenizer_files.push_back(folder / name);
  if (fs::exists(folder / "generation_config.json"))
    content.generation_config = Json::parse_file(folder / "generation_config.json");
  if (fs::exists(folder / "tokenizer.json"))
    content.read_tokenizer = [folder] { return read_tokenizer(folder); };
  return std::make_unique<StoredCheckpoint>(std::move(content));
}

}  // namespace libquant
