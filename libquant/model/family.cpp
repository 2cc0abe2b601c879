#include "libquant/model/family.h"

#include <array>

#include "libquant/model/families/families.h"

namespace libquant {
namespace {

// The first row of a GGUF architecture is the one that reads it: "llama" is Llama's, not Mistral's.
constexpr std::array<const Family*, 4> kFamilies{&kLlamaFamily, &kMistralFamily, &kQwen2Family,
                                                 &kQwen3Family};

const Family* first_with(std::string_view Family::*field, std::string_view value) noexcept {
  for (const Family* family : kFamilies)
    if (family->*field == value) return family;
  return nullptr;
}

}  // namespace

std::span<const Family* const> families() noexcept { return kFamilies; }

const Family* family_named(std::string_view name) noexcept {
  return first_with(&Family::name, name);
}

const Family* family_of_hf_architecture(std::string_view architecture) noexcept {
  return first_with(&Family::hf_architecture, architecture);
}

const Family* family_of_gguf_architecture(std::string_view architecture) noexcept {
  return first_with(&Family::gguf_architecture, architecture);
}

}  // namespace libquant
