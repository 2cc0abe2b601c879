#include "kernels/workspace.h"

#include <cstdlib>
#include <new>

#include "kernels/huge_pages.h"

namespace libquant::kernels {
namespace {

constexpr std::size_t kLine = 64;

class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { release(); }

  void* of_size(std::size_t wanted) {
    if (wanted <= bytes_) return data_;
    release();
    bytes_ = (wanted + kLine - 1) / kLine * kLine;
    data_ = mapped() ? map_pages(bytes_) : std::aligned_alloc(kLine, bytes_);
    if (data_ == nullptr) throw std::bad_alloc();
    return data_;
  }

 private:
  bool mapped() const noexcept { return bytes_ >= kHugePage; }
  void release() noexcept {
    if (data_ == nullptr) return;
    mapped() ? unmap_pages(data_, bytes_) : std::free(data_);
  }

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace

void* scratch(Scratch slot, std::size_t bytes) noexcept {
  static thread_local Block blocks[3];
  return blocks[static_cast<std::size_t>(slot)].of_size(bytes);
}

}  // namespace libquant::kernels
