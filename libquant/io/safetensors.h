#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/dtype.h"
#include "libquant/io/mapped_file.h"
#include "libquant/io/stored_tensor.h"
#include "libquant/io/tensor_stream.h"

namespace libquant {

/// One memory-mapped .safetensors file (https://github.com/huggingface/safetensors). Opening checks
/// everything: header size against the file, offsets within the data, ordered and without holes or
/// overlap, byte counts equal to shape x dtype, unique names. Throws FormatError, or NotSupported
/// for element types that libquant does not read, naming file and tensor.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// In the order of their bytes.
  const std::vector<StoredTensor>& tensors() const noexcept { return tensors_; }
  const StoredTensor* find(std::string_view name) const noexcept;
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  const MappedFile& file() const noexcept { return file_; }

 private:
  MappedFile file_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::size_t> by_name_;
  std::map<std::string, std::string> metadata_;
};

/// Streams a .safetensors file: all names, types and shapes first, then the bytes in that order.
/// Little-endian; the header is padded so that data starts at a multiple of 64. Readers map tensors
/// in place, so each must start at a multiple of its element size: order entries by falling element
/// size. Throws InvalidArgument, before creating the file, where one does not, for block types
/// (Q4_0, ...), repeated names and names that are not UTF-8.
class SafetensorsWriter {
 public:
  struct Entry {
    std::string name;
    DType dtype;
    std::vector<std::size_t> shape;
  };
  SafetensorsWriter(const std::filesystem::path& path, const std::vector<Entry>& entries,
                    const std::map<std::string, std::string>& metadata);
  /// The bytes of the next entry, whole or in parts; more than its size throws InvalidArgument.
  void append(std::span<const std::byte> bytes) { stream_.append(bytes); }
  /// Throws unless every entry is complete; then the file appears under its name.
  void commit() { stream_.commit(); }

 private:
  TensorStream stream_;
};

}  // namespace libquant
