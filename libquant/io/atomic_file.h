#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace libquant {

/// Writes a file so that `path` either keeps its old content or gets all of the new one: bytes go
/// to a temporary name in the same folder, commit() flushes to disk and renames. Without commit()
/// the temporary file is removed; a killed process leaves it behind as ".libquant-<pid>-<n>.tmp".
/// Throws Error with path and the system's reason on any failed step (full disk, missing folder),
/// and for a path that exists and is no regular file. For one thread.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  std::size_t size() const noexcept { return size_; }
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

void write_file_atomic(const std::filesystem::path& path, std::string_view content);

}  // namespace libquant
