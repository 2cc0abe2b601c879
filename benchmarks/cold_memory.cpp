#include "benchmarks/cold_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "benchmarks/paired.h"

namespace libquant::benchmarks {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20, kPage = 4096;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

ColdMemory::ColdMemory(std::size_t bytes)
    : bytes_(rounded_up(bytes, kHugePage)),
      data_(static_cast<char*>(std::aligned_alloc(kHugePage, bytes_))),
      slots_(bytes_ / stride_) {
  if (data_ == nullptr)
    throw std::runtime_error("no " + std::to_string(bytes_ >> 20) + " MB of memory for weights");
  madvise(data_, bytes_, MADV_HUGEPAGE);
  std::memset(data_, 1, bytes_);
}

ColdMemory::~ColdMemory() { std::free(data_); }

void ColdMemory::fill(const std::vector<std::byte>& slot) {
  stride_ = rounded_up(slot.size(), kPage);
  slots_ = bytes_ / stride_;
  next_ = 0;
  if (slots_ < 2)
    throw std::runtime_error("weights of " + std::to_string(slot.size() >> 20) +
                             " MB do not fit twice into " + std::to_string(bytes_ >> 20) + " MB");
  for (std::size_t i = 0; i < slots_; ++i)
    std::memcpy(data_ + i * stride_, slot.data(), slot.size());
}

char* ColdMemory::take(std::size_t count) noexcept {
  if (count > slots_ - next_) next_ = 0;
  char* result = data_ + next_ * stride_;
  next_ += count;
  return result;
}

std::vector<CacheReach> measure_cache_reach(ColdMemory& memory) {
  const std::size_t probe = std::min(memory.bytes(), std::size_t{32} << 20);
  const ReadPattern& pattern = *fastest_patterns(memory, probe, 1).front();
  std::vector<CacheReach> result;
  for (std::size_t size = std::size_t{8} << 20; size <= memory.bytes(); size *= 2) {
    double best = 0;
    const std::size_t passes = std::max<std::size_t>(4, (std::size_t{256} << 20) / size);
    for (std::size_t pass = 0; pass <= passes; ++pass) {
      const double start = seconds_now();
      read_on_all_threads(pattern, memory.data(), size);
      if (pass > 0)  // the first one brings the data in
        best = std::max(best, static_cast<double>(size) * 1e-9 / (seconds_now() - start));
    }
    result.push_back({size, best});
  }
  return result;
}

std::size_t effective_cache_bytes(const std::vector<CacheReach>& reach) {
  std::size_t result = 0;
  for (const CacheReach& r : reach)
    if (r.gigabytes_per_second >= 1.25 * reach.back().gigabytes_per_second) result = r.bytes;
  return result;
}

}  // namespace libquant::benchmarks
