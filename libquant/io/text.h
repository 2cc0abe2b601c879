#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace libquant {

/// Well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing above
/// U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// `text` with U+FFFD in place of every byte that belongs to no well-formed sequence.
std::string repaired_utf8(std::string_view text);

/// Place of the first byte that no plain text in UTF-8 holds there: one that is_utf8 refuses, or a
/// zero byte, which UTF-16 and binary files are full of. npos where there is none.
std::size_t not_plain_text_at(std::string_view text) noexcept;

/// `text` for an error message: control characters and malformed bytes become \xNN, and anything
/// beyond `limit` bytes becomes "...": a hostile file cannot write to the terminal through us.
std::string printable(std::string_view text, std::size_t limit = 120);

}  // namespace libquant
