#include "libquant/io/tensor_stream.h"

#include <utility>

#include "libquant/core/error.h"
#include "libquant/io/text.h"

namespace libquant {

TensorStream::TensorStream(const std::filesystem::path& path, std::string_view header,
                           std::vector<Item> items, std::size_t alignment)
    : file_(path), path_(path), items_(std::move(items)), alignment_(alignment) {
  file_.write(header);
  finish_complete_items();
}

void TensorStream::append(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  require(current_ < items_.size(), "{}: {} more bytes after the last of {} tensors",
          path_.string(), bytes.size(), items_.size());
  const Item& item = items_[current_];
  require(bytes.size() <= item.size - written_, "{}: tensor {}: expected {} more bytes, found {}",
          path_.string(), printable(item.name), item.size - written_, bytes.size());
  file_.write(bytes);
  written_ += bytes.size();
  finish_complete_items();
}

void TensorStream::commit() {
  require(current_ == items_.size(), "{}: tensor {}: only {} of {} bytes were written",
          path_.string(), current_ < items_.size() ? printable(items_[current_].name) : "",
          written_, current_ < items_.size() ? items_[current_].size : 0);
  file_.commit();
}

void TensorStream::finish_complete_items() {
  for (; current_ < items_.size() && written_ == items_[current_].size; ++current_, written_ = 0)
    file_.write(std::string((alignment_ - written_ % alignment_) % alignment_, '\0'));
}

}  // namespace libquant
