#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "libquant/core/dtype.h"
#include "libquant/io/mapped_file.h"
#include "libquant/io/stored_tensor.h"
#include "libquant/io/tensor_stream.h"

namespace libquant {

/// A GGUF metadata value. Integers of every width are held as int64 (uint64 above its range is
/// refused); `wire` keeps the type number of the file so that copies keep it.
struct GgufValue {
  using Integers = std::vector<std::int64_t>;
  using Floats = std::vector<double>;
  using Strings = std::vector<std::string>;
  std::variant<bool, std::int64_t, double, std::string, Integers, Floats, Strings> value;
  std::uint32_t wire = 0;          ///< GGUF type number: 0 u8 ... 8 string, 9 array, ... 12 f64
  std::uint32_t element_wire = 0;  ///< of array elements

  static GgufValue u32(std::uint32_t value);
  static GgufValue f32(float value);
  static GgufValue boolean(bool value);
  static GgufValue string(std::string value);
  static GgufValue i32_array(Integers values);
  static GgufValue f32_array(Floats values);
  static GgufValue string_array(Strings values);

  friend bool operator==(const GgufValue&, const GgufValue&) = default;
};

/// Metadata in file order with typed look-ups: nothing when the key is absent, FormatError when it
/// has another type. number() also takes integers.
class GgufMetadata {
 public:
  std::string source = "GGUF metadata";  ///< where it comes from, for errors: the reader's path
  std::vector<std::pair<std::string, GgufValue>> entries;

  const GgufValue* find(std::string_view key) const noexcept;
  void set(std::string_view key, GgufValue value);
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  const std::string* string(std::string_view key) const;
  const GgufValue::Integers* integers(std::string_view key) const;
  const GgufValue::Floats* floats(std::string_view key) const;
  const GgufValue::Strings* strings(std::string_view key) const;
};

/// One memory-mapped GGUF v3 (or v2) file
/// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Opening checks magic, version,
/// counts against the file's size, string lengths, UTF-8, alignment, known types, shapes, and
/// tensor offsets (aligned, inside, not overlapping). Throws FormatError, or NotSupported for
/// big-endian files, arrays of arrays and tensor types that libquant does not read, naming file and
/// tensor or key.
class GgufFile {
 public:
  explicit GgufFile(const std::filesystem::path& path);

  const GgufMetadata& metadata() const noexcept { return metadata_; }
  /// In the order of the file's tensor list.
  const std::vector<StoredTensor>& tensors() const noexcept { return tensors_; }
  const StoredTensor* find(std::string_view name) const noexcept;
  const MappedFile& file() const noexcept { return file_; }

 private:
  MappedFile file_;
  GgufMetadata metadata_;
  std::vector<StoredTensor> tensors_;
  std::vector<std::size_t> by_name_;
};

/// Streams a GGUF v3 file: metadata and tensor list first, then the bytes of each tensor in order.
/// `general.alignment` in the metadata is obeyed (32 without it). Throws InvalidArgument, before
/// creating the file, for names that llama.cpp refuses (64 bytes or more), more than 4 dimensions,
/// types that GGUF lacks, repeated names, and values that do not fit their `wire` type.
class GgufWriter {
 public:
  struct Entry {
    std::string name;
    DType dtype;
    std::vector<std::size_t> shape;  ///< outermost first
  };
  GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
             const std::vector<Entry>& entries);
  /// The bytes of the next tensor, whole or in parts; more than its size throws InvalidArgument.
  void append(std::span<const std::byte> bytes) { stream_.append(bytes); }
  /// Throws unless every tensor is complete; then the file appears under its name.
  void commit() { stream_.commit(); }

 private:
  TensorStream stream_;
};

}  // namespace libquant
