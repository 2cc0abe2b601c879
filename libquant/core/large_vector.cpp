#include "libquant/core/large_vector.h"

#ifdef __linux__
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#endif

namespace libquant {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20, kLarge = 2 * kHugePage;
constexpr std::align_val_t kAlignment{64};

#ifdef __linux__
constexpr std::size_t kMostKept = std::size_t{64} << 20;

std::size_t whole_pages(std::size_t bytes) noexcept {
  return (bytes + kHugePage - 1) / kHugePage * kHugePage;
}

// Mapped by itself: on the heap, small objects would come to lie in huge pages and hold on to them.
void* map_pages(std::size_t bytes) {
  void* mapped =
      mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(mapped);
  const std::size_t over = reinterpret_cast<std::uintptr_t>(begin) % kHugePage;
  const std::size_t before = over == 0 ? 0 : kHugePage - over;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kHugePage - before);
  static_cast<void>(madvise(begin + before, bytes, MADV_HUGEPAGE));
  return begin + before;
}

/// What was freed last, for the next array of the same size: pages that are new must be zeroed.
class Kept {
 public:
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto fits = [&](const Block& block) { return block.bytes == bytes; };
    const auto found = std::find_if(blocks_.begin(), blocks_.end(), fits);
    if (found == blocks_.end()) return nullptr;
    void* data = found->data;
    total_ -= bytes;
    blocks_.erase(found);
    return data;
  }
  bool keep(void* data, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    if (bytes > kMostKept - total_ || blocks_.size() == blocks_.capacity()) return false;
    blocks_.push_back({data, bytes});
    total_ += bytes;
    return true;
  }
  void clear() noexcept {
    const std::lock_guard lock(mutex_);
    for (const Block& block : blocks_) munmap(block.data, block.bytes);
    blocks_.clear();
    total_ = 0;
  }

  static Kept& instance() {
    static Kept& kept = *new Kept;  // outlives every static object that holds an array
    return kept;
  }

 private:
  struct Block {
    void* data;
    std::size_t bytes;
  };
  Kept() { blocks_.reserve(kMostKept / kLarge); }

  std::mutex mutex_;
  std::vector<Block> blocks_;
  std::size_t total_ = 0;
};
#endif

}  // namespace

#ifdef __linux__
void* allocate_large(std::size_t bytes) {
  if (bytes < kLarge) return ::operator new(bytes, kAlignment);
  if (bytes > static_cast<std::size_t>(-1) / 2) throw std::bad_alloc();
  const std::size_t mapped = whole_pages(bytes);
  void* kept = Kept::instance().take(mapped);
  return kept != nullptr ? kept : map_pages(mapped);
}

void free_large(void* data, std::size_t bytes) noexcept {
  if (bytes < kLarge) {
    ::operator delete(data, kAlignment);
  } else if (!Kept::instance().keep(data, whole_pages(bytes))) {
    munmap(data, whole_pages(bytes));
  }
}

void release_large() noexcept { Kept::instance().clear(); }
#else
void* allocate_large(std::size_t bytes) { return ::operator new(bytes, kAlignment); }
void free_large(void* data, std::size_t /*bytes*/) noexcept { ::operator delete(data, kAlignment); }
void release_large() noexcept {}
#endif

}  // namespace libquant
