#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace libquant::text {

/// U+2581, which stands for a space in sentencepiece vocabularies.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// Length of the valid UTF-8 sequence at the start of `text` (not empty), or 0; `*invalid` is then
/// the length of the maximal ill-formed part, which U+FFFD replaces (Unicode 15, section 3.9).
std::size_t sequence_length(std::string_view text, std::size_t* invalid) noexcept;
bool is_valid_utf8(std::string_view text) noexcept;
/// Ill-formed parts become U+FFFD, as in Python's bytes.decode(errors="replace").
std::string to_valid_utf8(std::string_view text);

/// The code point at `*at`, which moves behind it. `text` must be valid UTF-8.
char32_t next_code_point(std::string_view text, std::size_t* at) noexcept;
void append_utf8(std::string* out, char32_t code_point);

/// Unicode's White_Space, as regular expressions mean it.
bool is_space(char32_t code_point) noexcept;
/// Letters, marks, decimal digits, connectors and joiners.
bool is_word(char32_t code_point) noexcept;

/// Normalization form C of valid UTF-8, in time linear up to sorting.
std::string to_nfc(std::string_view text);

/// GPT-2's spelling of a byte as a letter.
char32_t byte_letter(std::uint8_t byte) noexcept;
/// The byte that a letter stands for, or -1.
int letter_byte(char32_t letter) noexcept;
/// Spells every byte as its letter.
void append_byte_letters(std::string* out, std::string_view bytes);

/// The byte that a piece "<0xE2>" stands for, or -1.
int byte_of_piece(std::string_view piece) noexcept;
/// "<0xE2>".
std::string piece_of_byte(std::uint8_t byte);

}  // namespace libquant::text
