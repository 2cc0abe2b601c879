#include "libquant/checkpoint/safetensors_folder.h"

#include "libquant/core/error.h"
#include "libquant/io/json.h"

namespace libquant {
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// A name from the index must stay inside the folder.
void check_file_name(const std::string& name) {
  const std::filesystem::path path(name);
  require<FormatError>(!name.empty() && path.filename() == path && name != "." && name != "..",
                       "{}: shard {} is not a plain file name", kIndex, name);
}

std::map<std::string, std::string> read_index(const std::filesystem::path& path) {
  std::map<std::string, std::string> file_of;
  const Json index = Json::parse_file(path);
  for (const auto& [tensor, file] : index.at("weight_map").as_object("weight_map")) {
    const std::string& name = file.as_string(tensor);
    check_file_name(name);
    file_of.emplace(tensor, name);
  }
  require<FormatError>(!file_of.empty(), "{}: weight_map is empty", path.string());
  return file_of;
}

}  // namespace

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder) : folder_(folder) {
  if (std::filesystem::exists(folder / kSingle)) {
    open(kSingle);
    return;
  }
  if (std::filesystem::exists(folder / kIndex)) {
    const auto file_of = read_index(folder / kIndex);
    for (const auto& [tensor, file] : file_of) {
      if (files_.count(file) != 0) continue;
      require<FormatError>(std::filesystem::exists(folder / file),
                           "{}: shard {} (tensor {}) is not in the folder",
                           (folder / kIndex).string(), file, tensor);
      open(file);
    }
    check_index(file_of);
    return;
  }
  fail<FormatError>("{} has neither {} nor {}{}", folder.string(), kSingle, kIndex,
                    std::filesystem::exists(folder / "pytorch_model.bin")
                        ? "; pytorch_model.bin is not read, save it as safetensors"
                        : "");
}

void SafetensorsFolder::open(const std::string& file) {
  const SafetensorsFile& opened =
      files_.emplace(file, SafetensorsFile(folder_ / file)).first->second;
  for (const StoredTensor& tensor : opened.tensors()) {
    const bool added = parts_.emplace(tensor.name, StoredPart{&tensor, &opened.file()}).second;
    require<FormatError>(added, "{}: tensor {} is in two shards", (folder_ / file).string(),
                         tensor.name);
  }
}

void SafetensorsFolder::check_index(const std::map<std::string, std::string>& file_of) const {
  for (const auto& [tensor, file] : file_of)
    require<FormatError>(files_.at(file).find(tensor) != nullptr,
                         "{}: tensor {} is not in its shard {}", (folder_ / kIndex).string(),
                         tensor, file);
  for (const auto& [tensor, part] : parts_)
    require<FormatError>(file_of.count(tensor) != 0, "{}: tensor {} of {} is not listed",
                         (folder_ / kIndex).string(), tensor, part.file->path().string());
}

const StoredPart* SafetensorsFolder::find(std::string_view name) const noexcept {
  const auto found = parts_.find(name);
  return found == parts_.end() ? nullptr : &found->second;
}

}  // namespace libquant
