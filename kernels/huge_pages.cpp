#include "kernels/huge_pages.h"

#ifdef __linux__
#include <sys/mman.h>

#include <cstdint>
#else
#include <cstdlib>
#include <cstring>
#endif

namespace libquant::kernels {

#ifdef __linux__
namespace {

std::size_t whole_pages(std::size_t bytes) noexcept {
  constexpr std::size_t kPage = 4096;
  return (bytes + kPage - 1) / kPage * kPage;
}

}  // namespace

void* map_pages(std::size_t bytes) noexcept {
  if (bytes > static_cast<std::size_t>(-1) / 2) return nullptr;
  bytes = whole_pages(bytes);
  void* mapped =
      mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* begin = static_cast<unsigned char*>(mapped);
  const std::size_t over = reinterpret_cast<std::uintptr_t>(begin) % kHugePage;
  const std::size_t before = over == 0 ? 0 : kHugePage - over;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kHugePage - before);
  if (bytes >= kHugePage) static_cast<void>(madvise(begin + before, bytes, MADV_HUGEPAGE));
  return begin + before;
}

void unmap_pages(void* data, std::size_t bytes) noexcept { munmap(data, whole_pages(bytes)); }
#else
void* map_pages(std::size_t bytes) noexcept {
  if (bytes > static_cast<std::size_t>(-1) / 2) return nullptr;
  const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* data = std::aligned_alloc(kHugePage, whole);
  if (data != nullptr) std::memset(data, 0, bytes);
  return data;
}

void unmap_pages(void* data, std::size_t) noexcept { std::free(data); }
#endif

}  // namespace libquant::kernels
