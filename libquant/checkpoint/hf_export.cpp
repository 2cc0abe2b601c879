#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "libquant/checkpoint/export_parts.h"
#include "libquant/checkpoint/hf_config.h"
#include "libquant/checkpoint/packed_output.h"
#include "libquant/core/error.h"
#include "libquant/io/atomic_file.h"
#include "libquant/io/mapped_file.h"
#include "libquant/io/safetensors.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

struct ShardEntry {
  OutputEntry entry;
  std::size_t tensor = 0, part = 0;
};
using Shard = std::vector<ShardEntry>;

std::unique_ptr<OutputTensor> make_output(const Checkpoint& source, const PlannedTensor& tensor,
                                          Format format, CodesCache& cache) {
  if (!tensor.scheme.has_value())
    return std::make_unique<DenseOutput>(source, tensor.spec, tensor.spec.name, tensor.type, 0);
  if (format == Format::compressed_tensors) return compressed_tensors_output(tensor, cache);
  return gptq_output(tensor, format == Format::gptq ? 1 : 2, cache);
}

// Tensors of safetensors are mapped in place: each must start at a multiple of its element size.
// Nearly all models are so as they come; for the others the wide types go first, which costs
// reading packed matrices once per part.
void align(Shard& shard) {
  std::size_t offset = 0;
  const bool aligned = std::all_of(shard.begin(), shard.end(), [&](const ShardEntry& item) {
    const bool fits = offset % traits(item.entry.dtype).block_bytes == 0;
    offset += item.entry.bytes();
    return fits;
  });
  if (aligned) return;
  std::stable_sort(shard.begin(), shard.end(), [](const ShardEntry& a, const ShardEntry& b) {
    return traits(a.entry.dtype).block_bytes > traits(b.entry.dtype).block_bytes;
  });
}

// A tensor's parts stay together; a tensor larger than the limit has a shard of its own.
std::vector<Shard> make_shards(const std::vector<std::unique_ptr<OutputTensor>>& tensors,
                               std::size_t limit) {
  std::vector<Shard> shards(1);
  std::size_t used = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::vector<OutputEntry> entries = tensors[i]->entries();
    std::size_t bytes = 0;
    for (const OutputEntry& entry : entries) bytes += entry.bytes();
    if (!shards.back().empty() && (used > limit || bytes > limit - used)) {
      shards.emplace_back();
      used = 0;
    }
    for (std::size_t part = 0; part < entries.size(); ++part)
      shards.back().push_back({entries[part], i, part});
    used += bytes;
  }
  for (Shard& shard : shards) align(shard);
  return shards;
}

std::string shard_name(std::size_t index, std::size_t count) {
  return count == 1 ? "model.safetensors"
                    : fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

void write_shard(const fs::path& path, const Shard& shard,
                 const std::vector<std::unique_ptr<OutputTensor>>& tensors,
                 const std::vector<PlannedTensor>& plan,
                 const std::map<std::string, std::string>& metadata, ExportProgress& progress) {
  std::vector<SafetensorsWriter::Entry> entries;
  for (const ShardEntry& item : shard)
    entries.push_back({item.entry.name, item.entry.dtype, item.entry.shape});
  SafetensorsWriter writer(path, entries, metadata);
  for (const ShardEntry& item : shard) {
    tensors[item.tensor]->write(item.part,
                                [&](std::span<const std::byte> bytes) { writer.append(bytes); });
    const TensorSpec& spec = plan[item.tensor].spec;
    progress.advance("writing", item.part == 0 ? spec.rows * spec.cols : 0);
  }
  writer.commit();
}

void write_index(const fs::path& folder, const std::vector<Shard>& shards) {
  std::map<std::string, std::string> files;
  std::size_t total = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const ShardEntry& item : shards[i]) {
      files.emplace(item.entry.name, shard_name(i, shards.size()));
      total += item.entry.bytes();
    }
  }
  Json map;
  for (const auto& [name, file] : files) map.set(name, file);
  Json index;
  index.set("metadata", Json::object({{"total_size", Json(total)}}));
  index.set("weight_map", std::move(map));
  write_file_atomic(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

void write_tensors(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                   const WriteOptions& options, const fs::path& folder, ExportProgress& progress) {
  CodesCache cache(source);
  std::vector<std::unique_ptr<OutputTensor>> tensors;
  for (const PlannedTensor& tensor : plan)
    tensors.push_back(make_output(source, tensor, options.format, cache));
  std::map<std::string, std::string> metadata = options.metadata;
  metadata["format"] = "pt";  // transformers refuses files without it
  const std::vector<Shard> shards = make_shards(tensors, options.shard_bytes);
  for (std::size_t i = 0; i < shards.size(); ++i)
    write_shard(folder / shard_name(i, shards.size()), shards[i], tensors, plan, metadata,
                progress);
  if (shards.size() > 1) write_index(folder, shards);
}

Json without(const Json& object, std::initializer_list<std::string_view> keys) {
  Json result(Json::Object{});
  for (const auto& [key, value] : object.as_object("config.json"))
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) result.set(key, value);
  return result;
}

void write_configs(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                   const WriteOptions& options, const fs::path& folder) {
  const Json& original = source.source_files().config_json;
  Json config = original.is_null()
                    ? config_to_json(source.config(), source.tokenizer(), options.dense_type)
                    : without(original, {"quantization_config", "compression_config"});
  config.set(config.find("dtype") != nullptr ? "dtype" : "torch_dtype",
             torch_name(options.dense_type));
  if (options.format != Format::safetensors) {
    const Json quantization = options.format == Format::compressed_tensors
                                  ? compressed_tensors_config(plan)
                                  : gptq_config(plan, options.format == Format::gptq ? 1 : 2);
    if (options.format != Format::compressed_tensors)
      write_file_atomic(folder / "quantize_config.json", quantization.dump(2) + "\n");
    config.set("quantization_config", quantization);
  }
  write_file_atomic(folder / "config.json", config.dump(2) + "\n");
}

Json generation_json(const TokenizerSpec& tokenizer) {
  Json json;
  json.set("_from_model_config", true);
  const auto id = [&](const char* key, std::int32_t value) {
    if (value >= 0) json.set(key, value);
  };
  id("bos_token_id", tokenizer.bos);
  const std::set<std::int32_t> further = {tokenizer.eot, tokenizer.eom};
  Json ends;
  if (tokenizer.eos >= 0) ends.push_back(tokenizer.eos);
  for (const std::int32_t end : further)
    if (end >= 0 && end != tokenizer.eos) ends.push_back(end);
  if (ends.is_array()) {
    const auto& all = ends.as_array("eos_token_id");
    json.set("eos_token_id", all.size() == 1 ? all.front() : ends);
  }
  id("pad_token_id", tokenizer.pad);
  return json;
}

void write_tokenizer(const Checkpoint& source, const fs::path& folder) {
  const std::vector<fs::path>& originals = source.source_files().tokenizer_files;
  for (const fs::path& file : originals) {
    const MappedFile content(file);
    write_file_atomic(
        folder / file.filename(),
        {reinterpret_cast<const char*>(content.bytes().data()), content.bytes().size()});
  }
  if (originals.empty()) {
    const auto [tokenizer, config] = tokenizer_to_json(source.tokenizer());
    write_file_atomic(folder / "tokenizer.json", tokenizer.dump(2) + "\n");
    write_file_atomic(folder / "tokenizer_config.json", config.dump(2) + "\n");
  }
  const Json& generation = source.generation_config();
  write_file_atomic(
      folder / "generation_config.json",
      (generation.is_null() ? generation_json(source.tokenizer()) : generation).dump(2) + "\n");
}

}  // namespace

void check_hf_folder(const Checkpoint& source, const WriteOptions& options) {
  const SourceFiles& files = source.source_files();
  if (files.config_json.is_null())
    config_to_json(source.config(), source.tokenizer(), options.dense_type);
  if (files.tokenizer_files.empty()) tokenizer_to_json(source.tokenizer());
}

void write_hf_folder(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                     const WriteOptions& options, const fs::path& folder,
                     ExportProgress& progress) {
  write_configs(source, plan, options, folder);
  write_tokenizer(source, folder);
  write_tensors(source, plan, options, folder, progress);
}

}  // namespace libquant
