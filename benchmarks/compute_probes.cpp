#include <algorithm>
#include <array>

#include "benchmarks/probes.h"
#include "kernels/fma_probe.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace libquant::benchmarks {
namespace {

// NOLINTBEGIN(bugprone-macro-parentheses): operands are types, registers and statements.
// Twelve chains cover latency times throughput of every current core. The empty asm keeps each
// step in a register and inside the loop.
#define LIBQUANT_TWELVE(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11)
#define LIBQUANT_CHAIN(i) Sum sum##i{};
#define LIBQUANT_PROBE(name, target, sum_type, factor_type, step, operations) \
  target double name(std::size_t rounds) noexcept {                           \
    using Sum = sum_type;                                                     \
    factor_type b{}, c{};                                                     \
    LIBQUANT_KEEP(b);                                                         \
    LIBQUANT_KEEP(c);                                                         \
    LIBQUANT_TWELVE(LIBQUANT_CHAIN)                                           \
    for (std::size_t r = 0; r < rounds; ++r) {                                \
      LIBQUANT_TWELVE(step)                                                   \
    }                                                                         \
    return static_cast<double>(rounds) * 12 * (operations);                   \
  }

double fma_f64(std::size_t rounds) noexcept { return kernels::run_fma_f64(rounds); }

#if defined(__x86_64__)
#define LIBQUANT_KEEP(x) asm volatile("" : "+v"(x))
#define LIBQUANT_VNNI_512(i)                  \
  sum##i = _mm512_dpbusd_epi32(sum##i, b, c); \
  LIBQUANT_KEEP(sum##i);
#define LIBQUANT_BF16_512(i)                                   \
  sum##i = _mm512_dpbf16_ps(sum##i, (__m512bh)b, (__m512bh)c); \
  LIBQUANT_KEEP(sum##i);
LIBQUANT_PROBE(vnni_512, __attribute__((target("avx512f,avx512vnni"))), __m512i, __m512i,
               LIBQUANT_VNNI_512, 128)
LIBQUANT_PROBE(bf16_512, __attribute__((target("avx512f,avx512bf16"))), __m512, __m512i,
               LIBQUANT_BF16_512, 64)
#undef LIBQUANT_KEEP
#define LIBQUANT_KEEP(x) asm volatile("" : "+x"(x))
// The assembler writes the VEX form, which processors without AVX-512 have.
#define LIBQUANT_VNNI_256(i) \
  asm volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum##i) : "x"(b), "x"(c));
// The operands never change: a product that the compiler knows would leave the loop.
#define LIBQUANT_MADDUBS(i)                                                 \
  {                                                                         \
    __m256i product;                                                        \
    asm volatile("vpmaddubsw %2, %1, %0" : "=x"(product) : "x"(b), "x"(c)); \
    sum##i = _mm256_add_epi16(sum##i, product);                             \
    LIBQUANT_KEEP(sum##i);                                                  \
  }
LIBQUANT_PROBE(vnni_256, __attribute__((target("avx2"))), __m256i, __m256i, LIBQUANT_VNNI_256, 64)
LIBQUANT_PROBE(maddubs_256, __attribute__((target("avx2"))), __m256i, __m256i, LIBQUANT_MADDUBS, 64)

double fma_512(std::size_t rounds) noexcept { return kernels::run_fma_f32(rounds, 512); }
double fma_256(std::size_t rounds) noexcept { return kernels::run_fma_f32(rounds, 256); }
bool has_512() noexcept { return kernels::fma_probe_bits() >= 512; }
bool has_256() noexcept { return kernels::fma_probe_bits() >= 256; }
bool has_vnni_512() noexcept { return has_512() && __builtin_cpu_supports("avx512vnni"); }
bool has_bf16_512() noexcept { return has_512() && __builtin_cpu_supports("avx512bf16"); }
bool has_vnni_256() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_256() && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1) != 0;
}
constexpr std::array kProbes{ComputeProbe{"fma_f32_avx512", has_512, fma_512},
                             ComputeProbe{"fma_f32_avx2", has_256, fma_256},
                             ComputeProbe{"fma_f64", has_256, fma_f64},
                             ComputeProbe{"bf16_avx512", has_bf16_512, bf16_512},
                             ComputeProbe{"int8_avx512vnni", has_vnni_512, vnni_512},
                             ComputeProbe{"int8_avxvnni", has_vnni_256, vnni_256},
                             ComputeProbe{"maddubs_avx2", has_256, maddubs_256}};

#elif defined(__aarch64__)
#define LIBQUANT_KEEP(x) asm volatile("" : "+w"(x))
#define LIBQUANT_SDOT(i) asm volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum##i) : "w"(b), "w"(c));
#define LIBQUANT_SMMLA(i) \
  asm volatile("smmla %0.4s, %1.16b, %2.16b" : "+w"(sum##i) : "w"(b), "w"(c));
#define LIBQUANT_BFDOT(i) asm volatile("bfdot %0.4s, %1.8h, %2.8h" : "+w"(sum##i) : "w"(b), "w"(c));
LIBQUANT_PROBE(sdot, __attribute__((target("arch=armv8.2-a+dotprod"))), int32x4_t, int8x16_t,
               LIBQUANT_SDOT, 32)
LIBQUANT_PROBE(smmla, __attribute__((target("arch=armv8.2-a+i8mm"))), int32x4_t, int8x16_t,
               LIBQUANT_SMMLA, 64)
LIBQUANT_PROBE(bfdot, __attribute__((target("arch=armv8.2-a+bf16"))), float32x4_t, uint16x8_t,
               LIBQUANT_BFDOT, 16)

double fma_128(std::size_t rounds) noexcept { return kernels::run_fma_f32(rounds); }
bool always() noexcept { return true; }
bool has_dot() noexcept { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
bool has_i8mm() noexcept { return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }
bool has_bf16() noexcept { return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0; }
constexpr std::array kProbes{
    ComputeProbe{"fma_f32_neon", always, fma_128}, ComputeProbe{"fma_f64", always, fma_f64},
    ComputeProbe{"bf16_neon", has_bf16, bfdot}, ComputeProbe{"int8_neondot", has_dot, sdot},
    ComputeProbe{"int8_neoni8mm", has_i8mm, smmla}};
#endif
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

std::span<const ComputeProbe> compute_probes() noexcept { return kProbes; }

const ComputeProbe* find_compute_probe(std::string_view name) noexcept {
  const auto found = std::find_if(kProbes.begin(), kProbes.end(),
                                  [&](const ComputeProbe& probe) { return probe.name == name; });
  return found != kProbes.end() && found->supported() ? &*found : nullptr;
}

}  // namespace libquant::benchmarks
