#include "libquant/pipeline/scratch_activations.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return value_; }

 private:
  int value_;
};

}  // namespace

ScratchActivations::ScratchActivations(const std::filesystem::path& folder, std::size_t tokens,
                                       std::size_t width)
    : bytes_(tokens * width * sizeof(float)), tokens_(tokens) {
  std::string name = (folder / "scratch-XXXXXX").string();
  const Descriptor file(mkstemp(name.data()));
  require<Error>(file.get() >= 0, "cannot make a scratch file in {}: {}", folder.string(),
                 std::strerror(errno));
  unlink(name.c_str());
  const int reserved = posix_fallocate(file.get(), 0, static_cast<off_t>(bytes_));
  require<Error>(reserved == 0, "cannot reserve {} bytes for activations in {}: {}", bytes_,
                 folder.string(), std::strerror(reserved));
  void* mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  require<Error>(mapped != MAP_FAILED, "cannot map {} bytes for activations in {}: {}", bytes_,
                 folder.string(), std::strerror(errno));
  data_ = static_cast<float*>(mapped);
}

ScratchActivations::ScratchActivations(ScratchActivations&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      tokens_(std::exchange(other.tokens_, 0)) {}

ScratchActivations& ScratchActivations::operator=(ScratchActivations&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(tokens_, other.tokens_);
  return *this;
}

ScratchActivations::~ScratchActivations() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace libquant
