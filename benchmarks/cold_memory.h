#pragma once

#include <cstddef>
#include <vector>

namespace libquant::benchmarks {

/// Memory in huge pages that is cut into equal slots and read round and round, so that every slot
/// has left the caches when its turn comes again.
class ColdMemory {
 public:
  /// Runtime error where the memory cannot be had.
  explicit ColdMemory(std::size_t bytes);
  ColdMemory(const ColdMemory&) = delete;
  ColdMemory& operator=(const ColdMemory&) = delete;
  ~ColdMemory();

  /// Cuts the memory into as many slots as fit and fills each of them with `slot`; at least two
  /// have to fit. Slots begin at multiples of 4096.
  void fill(const std::vector<std::byte>& slot);

  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t slots() const noexcept { return slots_; }
  /// From one slot to the next.
  std::size_t slot_stride() const noexcept { return stride_; }

  /// The next `count` (at most slots()) slots, one after another.
  char* take(std::size_t count) noexcept;
  char* data() noexcept { return data_; }

 private:
  std::size_t bytes_;
  char* data_;
  std::size_t stride_ = 4096, slots_, next_ = 0;
};

struct CacheReach {
  std::size_t bytes;            ///< memory that was read over and over
  double gigabytes_per_second;  ///< on all kernel threads, the best of several passes
};

/// Reads growing parts of `memory` over and over with its fastest pattern: where the rate falls to
/// that of the whole memory, the caches end. Takes about a second. The best pass counts: others may
/// have had to share.
std::vector<CacheReach> measure_cache_reach(ColdMemory& memory);
/// The largest size that is read at 1.25 times the rate of the largest, or 0: what this process has
/// of the last-level cache. On a shared host that is far less than the processor says.
std::size_t effective_cache_bytes(const std::vector<CacheReach>& reach);

}  // namespace libquant::benchmarks
