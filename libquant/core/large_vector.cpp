#include "libquant/core/large_vector.h"

#include <algorithm>
#include <mutex>

#include "kernels/huge_pages.h"

namespace libquant {
namespace {

constexpr std::size_t kLarge = kernels::kHugePage / 4;
constexpr std::size_t kMostKept = std::size_t{64} << 20;
constexpr std::align_val_t kAlignment{64};

/// What was freed last, for the next array of the same size: pages that are new must be zeroed.
class Arrays {
 public:
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto fits = [&](const Block& block) { return block.bytes == bytes; };
    const auto found = std::find_if(blocks_.begin(), blocks_.end(), fits);
    void* data = nullptr;
    if (found != blocks_.end()) {
      data = found->data;
      kept_ -= bytes;
      blocks_.erase(found);
    } else {
      make_room(bytes);
      data = kernels::map_pages(bytes);
    }
    if (data == nullptr) throw std::bad_alloc();
    used_ += bytes;
    return data;
  }
  void give(void* data, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
    if (bytes > kMostKept || used_ + bytes > bound_) {
      kernels::unmap_pages(data, bytes);
      return;
    }
    make_room(bytes);
    while (kept_ + bytes > kMostKept || blocks_.size() == blocks_.capacity()) drop_oldest();
    blocks_.push_back({data, bytes});
    kept_ += bytes;
  }
  void bound(std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    bound_ = bytes;
    make_room(0);
  }
  void clear() noexcept {
    const std::lock_guard lock(mutex_);
    while (!blocks_.empty()) drop_oldest();
  }

  static Arrays& instance() {
    static Arrays& arrays = *new Arrays;  // outlives every static object that holds an array
    return arrays;
  }

 private:
  struct Block {
    void* data;
    std::size_t bytes;
  };
  Arrays() { blocks_.reserve(64); }
  void make_room(std::size_t bytes) noexcept {
    while (!blocks_.empty() && used_ + kept_ + bytes > bound_) drop_oldest();
  }
  void drop_oldest() noexcept {
    kernels::unmap_pages(blocks_.front().data, blocks_.front().bytes);
    kept_ -= blocks_.front().bytes;
    blocks_.erase(blocks_.begin());
  }

  std::mutex mutex_;
  std::vector<Block> blocks_;
  std::size_t used_ = 0, kept_ = 0, bound_ = kNoBound;
};

}  // namespace

void* allocate_large(std::size_t bytes) {
  if (bytes < kLarge) return ::operator new(bytes, kAlignment);
  return Arrays::instance().take(bytes);
}

void free_large(void* data, std::size_t bytes) noexcept {
  if (bytes < kLarge)
    ::operator delete(data, kAlignment);
  else
    Arrays::instance().give(data, bytes);
}

void bound_large(std::size_t bytes) noexcept { Arrays::instance().bound(bytes); }
void release_large() noexcept { Arrays::instance().clear(); }

}  // namespace libquant
