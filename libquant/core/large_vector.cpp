#include "libquant/core/large_vector.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace libquant {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20, kLarge = 2 * kHugePage;

std::align_val_t alignment(std::size_t bytes) noexcept {
  return std::align_val_t{bytes < kLarge ? 64 : kHugePage};
}

}  // namespace

void* allocate_large(std::size_t bytes) {
  void* data = ::operator new(bytes, alignment(bytes));
#ifdef __linux__
  if (bytes >= kLarge)
    static_cast<void>(madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE));
#endif
  return data;
}

void free_large(void* data, std::size_t bytes) noexcept {
  ::operator delete(data, alignment(bytes));
}

}  // namespace libquant
