#include "libquant/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {
namespace {

struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

std::string reason(int error) { return std::system_category().message(error); }

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  require<Error>(file.value >= 0, "cannot open {}: {}", path.string(), reason(errno));
  struct stat status {};
  require<Error>(::fstat(file.value, &status) == 0, "cannot examine {}: {}", path.string(),
                 reason(errno));
  require<Error>(S_ISREG(status.st_mode), "cannot read {}: expected a regular file, found {}",
                 path.string(), S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value, 0);
  require<Error>(address != MAP_FAILED, "cannot map {} ({} bytes): {}", path.string(), size_,
                 reason(errno));
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release(std::span<const std::byte> range) const noexcept {
  const auto base = reinterpret_cast<std::uintptr_t>(data_);
  const auto begin = reinterpret_cast<std::uintptr_t>(range.data());
  if (range.empty() || begin < base || begin - base > size_ ||
      range.size() > size_ - (begin - base))
    return;
  // The map is read-only and backed by the file, so dropping a page shared with a neighbour only
  // costs that neighbour a fault.
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t before = begin % page;  // the map begins on a page, so these bytes are its own
  ::madvise(const_cast<std::byte*>(range.data() - before), before + range.size(), MADV_DONTNEED);
}

}  // namespace libquant
