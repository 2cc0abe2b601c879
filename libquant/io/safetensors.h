#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/dtype.h"
#include "libquant/io/atomic_file.h"
#include "libquant/io/mapped_file.h"
#include "libquant/io/stored_tensor.h"

namespace libquant {

/// One memory-mapped .safetensors file (https://github.com/huggingface/safetensors). Opening checks
/// everything: header size against the file, offsets within the data, ordered and without holes or
/// overlap, byte counts equal to shape x dtype, unique names. Throws FormatError naming file and
/// tensor.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<StoredTensor>& tensors() const noexcept { return tensors_; }
  const StoredTensor* find(std::string_view name) const noexcept;
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  const MappedFile& file() const noexcept { return file_; }

 private:
  MappedFile file_;
  std::vector<StoredTensor> tensors_;  ///< in file order
  std::map<std::string, std::string> metadata_;
};

/// Streams a .safetensors file: all names, types and shapes first, then the bytes in that order.
/// Little-endian; the header is padded so that data starts at a multiple of 64.
class SafetensorsWriter {
 public:
  struct Entry {
    std::string name;
    DType dtype;
    std::vector<std::size_t> shape;
  };
  SafetensorsWriter(const std::filesystem::path& path, std::vector<Entry> entries,
                    const std::map<std::string, std::string>& metadata);
  /// The bytes of the next entry, whole or in parts; more than its size throws InvalidArgument.
  void append(std::span<const std::byte> bytes);
  /// Throws unless every entry is complete; then the file appears under its name.
  void commit();

 private:
  AtomicFile file_;
  std::vector<Entry> entries_;
  std::size_t current_ = 0;
  std::size_t remaining_ = 0;
};

}  // namespace libquant
