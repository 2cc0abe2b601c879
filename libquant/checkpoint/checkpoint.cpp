#include "libquant/checkpoint/checkpoint.h"

#include "libquant/checkpoint/gguf_checkpoint.h"
#include "libquant/checkpoint/hf_checkpoint.h"
#include "libquant/core/error.h"

namespace libquant {

std::unique_ptr<Checkpoint> open_checkpoint(const std::filesystem::path& path) {
  require<Error>(std::filesystem::exists(path), "opening a model: {} does not exist",
                 path.string());
  return std::filesystem::is_directory(path) ? open_hf_folder(path) : open_gguf_file(path);
}

}  // namespace libquant
