#include <array>
#include <stdexcept>

#include "benchmarks/case.h"

namespace libquant::benchmarks {
namespace {

constexpr std::array kOperations{&kPackedGemm, &kDenseGemm, &kGemmBf16,
                                 &kGemmF64,    &kSyrk,      &kAttention};

std::string if_compiled(std::string name) {
  return find_compute_probe(name) != nullptr ? name : std::string();
}

}  // namespace

std::span<const Operation* const> operations() noexcept { return kOperations; }

const Operation& operation_of(const CaseName& name) {
  std::string known;
  for (const Operation* operation : kOperations) {
    if (operation->name == name.operation && operation->takes(name.weights)) return *operation;
    known += "\n  " + std::string(operation->grammar);
  }
  throw std::invalid_argument("benchmark '" + name.text() + "': expected one of" + known);
}

std::string fma_probe_of(std::string_view isa) {
  if (isa.starts_with("avx512")) return if_compiled("fma_f32_avx512");
  if (isa.starts_with("avx")) return if_compiled("fma_f32_avx2");
  if (isa.starts_with("neon")) return if_compiled("fma_f32_neon");
  return {};
}

std::string bf16_probe_of(std::string_view isa) {
  if (isa == "avx512vnni") return if_compiled("bf16_avx512");
  if (isa == "i8mm") return if_compiled("bf16_neon");
  return {};
}

std::string int8_probe_of(std::string_view isa) {
  if (isa == "avx2") return if_compiled("maddubs_avx2");
  return if_compiled("int8_" + std::string(isa));
}

}  // namespace libquant::benchmarks
