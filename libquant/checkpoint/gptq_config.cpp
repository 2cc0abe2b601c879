#include "libquant/checkpoint/gptq_config.h"

#include <utility>

#include "libquant/checkpoint/json_fields.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

int read_bits(const JsonFields& fields) {
  const std::size_t bits = fields.size("bits");
  require<NotSupported>(bits == 2 || bits == 3 || bits == 4 || bits == 8,
                        "{} is {}; GPTQ folders of 2, 3, 4 and 8 bits are read",
                        fields.where("bits"), bits);
  return static_cast<int>(bits);
}

std::size_t read_group(const JsonFields& fields) {
  const Json* group = fields.find("group_size");
  require<FormatError>(group != nullptr, "{} is missing", fields.where("group_size"));
  if (group->as_int(fields.where("group_size")) == -1) return 0;
  return fields.size("group_size");
}

int read_version(const JsonFields& fields) {
  const std::string* format = fields.text("checkpoint_format");
  if (format == nullptr) format = fields.text("format");
  if (format == nullptr || *format == "gptq") return 1;
  require<NotSupported>(*format == "gptq_v2", "{} is {}; libquant reads gptq and gptq_v2",
                        fields.where("checkpoint_format"), *format);
  return 2;
}

ZeroKind zero_kind(bool symmetric) {
  return symmetric ? ZeroKind::symmetric : ZeroKind::asymmetric;
}

}  // namespace

GptqConfig::GptqConfig(const Json& json, std::string_view source) {
  const JsonFields fields(json, source);
  version_ = read_version(fields);
  base_.bits = read_bits(fields);
  base_.group_size = read_group(fields);
  base_.zero = zero_kind(fields.flag_or("sym", true));
  lm_head_ = fields.flag_or("lm_head", false);
  if (const std::string* words = fields.text("pack_dtype"))
    require<NotSupported>(*words == "int32", "{} is {}; libquant reads int32",
                          fields.where("pack_dtype"), *words);
  if (const Json* dynamic = fields.find("dynamic"))
    for (const auto& [key, value] : dynamic->as_object(fields.where("dynamic")))
      add_override(key, value, fields.where("dynamic"));
}

void GptqConfig::add_override(std::string_view key, const Json& json, const std::string& where) {
  std::string_view pattern = key;
  const bool exclude = key.rfind("-:", 0) == 0;
  if (exclude || key.rfind("+:", 0) == 0) pattern.remove_prefix(2);
  Override item{NamePattern(pattern, where), exclude, {}, {}, {}};
  const std::string inner = where + "." + std::string(key);
  const JsonFields fields(json, inner);
  if (!exclude) {
    json.as_object(inner);
    if (fields.find("bits") != nullptr) item.bits = read_bits(fields);
    if (fields.find("group_size") != nullptr) item.group_size = read_group(fields);
    if (fields.find("sym") != nullptr) item.symmetric = fields.flag_or("sym", true);
  }
  overrides_.push_back(std::move(item));
}

std::optional<Scheme> GptqConfig::scheme_of(std::string_view module) const {
  if (module == "lm_head" && !lm_head_) return std::nullopt;
  Scheme scheme = base_;
  for (const Override& item : overrides_) {
    if (!item.pattern.matches(module)) continue;
    if (item.exclude) return std::nullopt;
    scheme.bits = item.bits.value_or(scheme.bits);
    scheme.group_size = item.group_size.value_or(scheme.group_size);
    if (item.symmetric.has_value()) scheme.zero = zero_kind(*item.symmetric);
    break;
  }
  return scheme;
}

}  // namespace libquant
