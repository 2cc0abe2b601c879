#include "libquant/cli/override.h"

#include <charconv>
#include <string>

#include "libquant/core/error.h"

namespace libquant::cli {
namespace {

template <typename T>
T number_from(std::string_view text, std::string_view what) {
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  require(result.ec == std::errc() && result.ptr == text.data() + text.size(),
          "{} is \"{}\", expected a number", what, text);
  return value;
}

void apply_setting(std::string_view setting, LayerOverride& made) {
  const std::size_t equals = setting.find('=');
  const std::string_view key = setting.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : setting.substr(equals + 1);
  if (key == "ignore" && equals == std::string_view::npos)
    made.ignore = true;
  else if (key == "bits")
    made.bits = number_from<int>(value, key);
  else if (key == "group")
    made.group_size = group_size_from(value);
  else if (key == "zero")
    made.zero = zero_kind_from(value);
  else if (key == "damping")
    made.damping = number_from<double>(value, key);
  else
    fail<InvalidArgument>(
        "override setting \"{}\": expected bits=N, group=N, zero=KIND, damping=X or ignore",
        setting);
}

}  // namespace

LayerOverride override_from(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  require(colon != std::string_view::npos && colon > 0 && colon + 1 < text.size(),
          "override \"{}\": expected REGEX:bits=8,group=32 (or zero=KIND, damping=X, ignore)",
          text);
  LayerOverride made;
  made.pattern = std::string(text.substr(0, colon));
  for (std::string_view rest = text.substr(colon + 1); !rest.empty();) {
    const std::size_t comma = rest.find(',');
    apply_setting(rest.substr(0, comma), made);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return made;
}

std::size_t group_size_from(std::string_view text) {
  return text == "row" ? 0 : number_from<std::size_t>(text, "group size");
}

DType stored_type_from(std::string_view text, bool quantized) {
  if (text == "bf16") return DType::bf16;
  if (text == "f16") return DType::f16;
  if (text == "f32") return DType::f32;
  if (text == "q8_0" && quantized) return DType::q8_0;
  fail<InvalidArgument>("type \"{}\": expected bf16, f16{}", text,
                        quantized ? ", f32 or q8_0" : " or f32");
}

}  // namespace libquant::cli
