#include "libquant/io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {
namespace {

std::string reason(int error) { return std::system_category().message(error); }

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  return folder.empty() ? "." : folder;
}

// Replacing a device by a regular file ("--report /dev/null" run by root) would break the machine.
void require_replaceable(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  require<Error>(!std::filesystem::exists(status) || std::filesystem::is_regular_file(status),
                 "cannot write {}: it exists and is no regular file", path.string());
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  require<Error>(descriptor >= 0, "cannot open the folder {}: {}", folder.string(), reason(errno));
  // Some network and FUSE file systems cannot sync a folder and say EINVAL: the rename is done.
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  require<Error>(error == 0 || error == EINVAL, "cannot flush the folder {}: {}", folder.string(),
                 reason(error));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  static std::atomic<unsigned> counter{0};
  require_replaceable(path_);
  int error = EEXIST;
  while (error == EEXIST) {
    temporary_ = folder_of(path_) / fmt::format(".libquant-{}-{}.tmp", ::getpid(), counter++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    error = descriptor_ >= 0 ? 0 : errno;
  }
  require<Error>(error == 0, "cannot create {} (as {}): {}", path_.string(),
                 temporary_.filename().string(), reason(error));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  require(descriptor_ >= 0, "cannot write to {}: it is already committed", path_.string());
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    require<Error>(written > 0, "cannot write {} at byte {}: {}", path_.string(), size_,
                   reason(written < 0 ? errno : EIO));
    size_ += static_cast<std::size_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  require(descriptor_ >= 0, "cannot commit {} twice", path_.string());
  require_replaceable(path_);
  require<Error>(::fsync(descriptor_) == 0, "cannot flush {} to disk: {}", path_.string(),
                 reason(errno));
  require<Error>(::close(std::exchange(descriptor_, -1)) == 0, "cannot close {}: {}",
                 path_.string(), reason(errno));
  require<Error>(::rename(temporary_.c_str(), path_.c_str()) == 0, "cannot rename {} to {}: {}",
                 temporary_.string(), path_.string(), reason(errno));
  temporary_.clear();
  sync_folder(folder_of(path_));
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace libquant
