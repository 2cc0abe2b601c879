#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/io/atomic_file.h"

namespace libquant {

/// The part that both container writers share: a header, then the bytes of each announced tensor in
/// order, each padded with zeros to `alignment`, into a file that appears when complete.
class TensorStream {
 public:
  struct Item {
    std::string name;
    std::size_t size;  ///< bytes
  };
  TensorStream(const std::filesystem::path& path, std::string_view header, std::vector<Item> items,
               std::size_t alignment);
  /// The bytes of the next tensor, whole or in parts; more than its size throws InvalidArgument.
  void append(std::span<const std::byte> bytes);
  /// Throws InvalidArgument unless every tensor is complete.
  void commit();

 private:
  void finish_complete_items();

  AtomicFile file_;
  std::filesystem::path path_;
  std::vector<Item> items_;
  std::size_t alignment_;
  std::size_t current_ = 0;
  std::size_t written_ = 0;  ///< of the current tensor
};

}  // namespace libquant
