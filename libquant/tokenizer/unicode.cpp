#include "libquant/tokenizer/unicode.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "libquant/core/error.h"

namespace libquant::text {
namespace {

constexpr auto kDecompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::uint8_t byte_at(std::string_view text, std::size_t i) noexcept {
  return static_cast<std::uint8_t>(text[i]);
}

// Range of the second byte of a sequence; the later ones are always 80..BF.
struct Lead {
  std::size_t length;
  std::uint8_t low, high;
};

Lead classify(std::uint8_t lead) noexcept {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead < 0xF0) {
    return {3, static_cast<std::uint8_t>(lead == 0xE0 ? 0xA0 : 0x80),
            static_cast<std::uint8_t>(lead == 0xED ? 0x9F : 0xBF)};
  }
  if (lead < 0xF5) {
    return {4, static_cast<std::uint8_t>(lead == 0xF0 ? 0x90 : 0x80),
            static_cast<std::uint8_t>(lead == 0xF4 ? 0x8F : 0xBF)};
  }
  return {0, 0, 0};
}

// First code point that normalization form C may change or reorder.
constexpr char32_t kFirstNfcRelevant = 0x300;

bool may_change_under_nfc(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (byte_at(text, i) >= 0xCC) return true;
  }
  static_assert(kFirstNfcRelevant == 0x300, "U+0300 is CC 80 in UTF-8");
  return false;
}

std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> out;
  out.reserve(text.size());
  std::array<utf8proc_int32_t, 32> buffer{};
  int last_class = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto code_point = static_cast<utf8proc_int32_t>(next_code_point(text, &at));
    const auto count = utf8proc_decompose_char(code_point, buffer.data(),
                                               static_cast<utf8proc_ssize_t>(buffer.size()),
                                               kDecompose, &last_class);
    require<Error>(count >= 0 && count <= static_cast<utf8proc_ssize_t>(buffer.size()),
                   "normalizing U+{:04X}: utf8proc answers {}", code_point, count);
    out.insert(out.end(), buffer.begin(), buffer.begin() + count);
  }
  return out;
}

int combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

// utf8proc's own reordering is a bubble sort, quadratic in the length of a run of marks.
void reorder_marks(std::vector<utf8proc_int32_t>& code_points) {
  auto begin = code_points.begin();
  while (begin != code_points.end()) {
    begin = std::find_if(begin, code_points.end(),
                         [](utf8proc_int32_t c) { return combining_class(c) != 0; });
    const auto end = std::find_if(begin, code_points.end(),
                                  [](utf8proc_int32_t c) { return combining_class(c) == 0; });
    std::stable_sort(begin, end, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(a) < combining_class(b);
    });
    begin = end;
  }
}

struct Letters {
  std::array<char32_t, 256> of_byte{};
  std::array<std::int16_t, 0x144> of_letter{};
};

const Letters& letters() noexcept {
  static const Letters table = [] {
    Letters t;
    t.of_letter.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool prints =
          (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
      const char32_t letter = prints ? byte : next++;
      t.of_byte[byte] = letter;
      t.of_letter[letter] = static_cast<std::int16_t>(byte);
    }
    return t;
  }();
  return table;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::size_t sequence_length(std::string_view text, std::size_t* invalid) noexcept {
  const Lead lead = classify(byte_at(text, 0));
  *invalid = 1;
  if (lead.length <= 1) return lead.length;
  for (std::size_t i = 1; i < lead.length; ++i) {
    *invalid = i;
    if (i >= text.size()) return 0;
    const std::uint8_t low = i == 1 ? lead.low : 0x80;
    const std::uint8_t high = i == 1 ? lead.high : 0xBF;
    if (byte_at(text, i) < low || byte_at(text, i) > high) return 0;
  }
  return lead.length;
}

bool is_valid_utf8(std::string_view text) noexcept {
  std::size_t invalid = 0;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text, &invalid);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t invalid = 0;
    const std::size_t length = sequence_length(text, &invalid);
    out += length > 0 ? text.substr(0, length) : kReplacement;
    text.remove_prefix(length > 0 ? length : invalid);
  }
  return out;
}

char32_t next_code_point(std::string_view text, std::size_t* at) noexcept {
  const std::uint8_t lead = byte_at(text, (*at)++);
  if (lead < 0x80) return lead;
  const std::size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t code_point = lead & (0x3Fu >> more);
  for (std::size_t i = 0; i < more; ++i) {
    code_point = (code_point << 6) | (byte_at(text, (*at)++) & 0x3Fu);
  }
  return code_point;
}

void append_utf8(std::string* out, char32_t code_point) {
  const auto push = [out](char32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | (code_point >> 6));
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | (code_point >> 12));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | (code_point >> 18));
    push(0x80 | ((code_point >> 12) & 0x3F));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

bool is_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_word(char32_t c) noexcept {
  if (c == 0x200C || c == 0x200D) return true;
  // Circled and squared Latin letters: symbols by category, alphabetic by property.
  if ((c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
      (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189)) {
    return true;
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

std::string to_nfc(std::string_view text) {
  if (!may_change_under_nfc(text)) return std::string(text);
  std::vector<utf8proc_int32_t> code_points = decompose(text);
  reorder_marks(code_points);
  const auto count = utf8proc_normalize_utf32(
      code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()),
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  require<Error>(count >= 0, "composing characters: utf8proc answers {}", count);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    append_utf8(&out, static_cast<char32_t>(code_points[i]));
  }
  return out;
}

char32_t byte_letter(std::uint8_t byte) noexcept { return letters().of_byte[byte]; }

int letter_byte(char32_t letter) noexcept {
  return letter < letters().of_letter.size() ? letters().of_letter[letter] : -1;
}

void append_byte_letters(std::string* out, std::string_view bytes) {
  for (const char byte : bytes) {
    append_utf8(out, byte_letter(static_cast<std::uint8_t>(byte)));
  }
}

int byte_of_piece(std::string_view piece) noexcept {
  if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') return -1;
  const int high = hex_digit(piece[3]);
  const int low = hex_digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string piece_of_byte(std::uint8_t byte) { return fmt::format("<0x{:02X}>", byte); }

}  // namespace libquant::text
