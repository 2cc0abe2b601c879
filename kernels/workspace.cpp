#include "kernels/workspace.h"

#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace libquant::kernels {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;
constexpr std::size_t kLine = 64;

struct Block {
  void* data = nullptr;
  std::size_t bytes = 0;

  ~Block() { std::free(data); }

  void grow(std::size_t wanted) {
    std::free(data);
    const std::size_t unit = wanted < kPage ? kLine : kPage;
    bytes = (wanted + unit - 1) / unit * unit;
    data = std::aligned_alloc(unit, bytes);
    if (data == nullptr) throw std::bad_alloc();
#ifdef __linux__
    // Packed panels are read in long strides: huge pages save most of the TLB misses.
    if (unit == kPage) static_cast<void>(madvise(data, bytes, MADV_HUGEPAGE));
#endif
  }
};

}  // namespace

void* scratch(Scratch slot, std::size_t bytes) noexcept {
  static thread_local Block blocks[3];
  Block& block = blocks[static_cast<std::size_t>(slot)];
  if (block.bytes < bytes) block.grow(bytes);
  return block.data;
}

}  // namespace libquant::kernels
