#include "libquant/io/gguf.h"

#include "libquant/io/gguf_parse.h"
#include "libquant/io/tensor_table.h"

namespace libquant {

GgufFile::GgufFile(const std::filesystem::path& path) : file_(path) {
  GgufContents contents = parse_gguf(file_.bytes(), path.string());
  metadata_ = std::move(contents.metadata);
  tensors_ = std::move(contents.tensors);
  by_name_ = std::move(contents.by_name);
}

const StoredTensor* GgufFile::find(std::string_view name) const noexcept {
  return find_by_name(tensors_, by_name_, name);
}

}  // namespace libquant
