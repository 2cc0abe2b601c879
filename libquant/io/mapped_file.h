#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace libquant {

/// A read-only memory map of a whole regular file; an empty file gives an empty span.
/// Movable; the bytes stay valid for its lifetime. Reading is safe from many threads. The file must
/// not shrink meanwhile: the system then kills a process that reads the lost part (SIGBUS).
class MappedFile {
 public:
  /// Throws Error naming the path when it cannot be opened or mapped, or is no regular file.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Tells the kernel that `range` (a part of bytes()) is not needed for now, so that streaming
  /// over a large file does not grow the resident set.
  void release(std::span<const std::byte> range) const noexcept;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
};

}  // namespace libquant
