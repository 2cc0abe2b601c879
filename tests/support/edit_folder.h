#pragma once
// Changes to the files of a model folder, for tests of damaged and foreign ones.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libquant/io/atomic_file.h"
#include "libquant/io/json.h"
#include "libquant/io/safetensors.h"
#include "tests/support/files.h"

namespace libquant::testing {

struct EditedTensor {
  DType dtype = DType::f32;
  std::vector<std::size_t> shape;
  std::string bytes;

  /// The bytes as values of T.
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
};
using EditedTensors = std::map<std::string, EditedTensor>;

inline EditedTensors read_tensors(const std::filesystem::path& file) {
  EditedTensors tensors;
  const SafetensorsFile stored(file);
  for (const StoredTensor& tensor : stored.tensors())
    tensors[tensor.name] = {
        tensor.dtype,
        tensor.shape,
        {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()}};
  return tensors;
}

/// Wide types first, so that every tensor is aligned.
inline void write_tensors(const std::filesystem::path& file, const EditedTensors& tensors) {
  std::vector<SafetensorsWriter::Entry> entries;
  std::vector<const EditedTensor*> ordered;
  for (std::size_t size = 8; size > 0; size /= 2) {
    for (const auto& [name, tensor] : tensors) {
      if (traits(tensor.dtype).block_bytes != size) continue;
      entries.push_back({name, tensor.dtype, tensor.shape});
      ordered.push_back(&tensor);
    }
  }
  SafetensorsWriter writer(file, entries, {{"format", "pt"}});
  for (const EditedTensor* tensor : ordered) writer.append(std::as_bytes(std::span(tensor->bytes)));
  writer.commit();
}

inline void edit_tensors(const std::filesystem::path& folder,
                         const std::function<void(EditedTensors&)>& edit) {
  EditedTensors tensors = read_tensors(folder / "model.safetensors");
  edit(tensors);
  write_tensors(folder / "model.safetensors", tensors);
}

inline void edit_json(const std::filesystem::path& file, const std::function<void(Json&)>& edit) {
  Json json = Json::parse_file(file);
  edit(json);
  write_file_atomic(file, json.dump(2));
}

/// `json` without one member.
inline Json without(const Json& json, std::string_view key) {
  Json result(Json::Object{});
  for (const auto& [name, value] : json.as_object("an object"))
    if (name != key) result.set(name, value);
  return result;
}

}  // namespace libquant::testing
