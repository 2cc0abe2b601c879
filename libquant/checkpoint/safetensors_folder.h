#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/stored_checkpoint.h"
#include "libquant/io/safetensors.h"

namespace libquant {

/// The tensors of a folder: model.safetensors, or the shards that model.safetensors.index.json
/// lists. Every name in the index must be in its shard and the other way round. Throws Error or
/// FormatError naming the file and tensor.
class SafetensorsFolder {
 public:
  explicit SafetensorsFolder(const std::filesystem::path& folder);
  SafetensorsFolder(const SafetensorsFolder&) = delete;
  SafetensorsFolder& operator=(const SafetensorsFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return folder_; }
  const std::map<std::string, StoredPart, std::less<>>& parts() const noexcept { return parts_; }
  /// nullptr when absent.
  const StoredPart* find(std::string_view name) const noexcept;

 private:
  void open(const std::string& file);
  void check_index(const std::map<std::string, std::string>& file_of) const;

  std::filesystem::path folder_;
  std::map<std::string, SafetensorsFile> files_;  // stable addresses
  std::map<std::string, StoredPart, std::less<>> parts_;
};

}  // namespace libquant
