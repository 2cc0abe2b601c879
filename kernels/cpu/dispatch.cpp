#include "kernels/cpu/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include "kernels/cpu/isa/bf16_tables.h"
#include "kernels/cpu/isa/packed_tables.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

constexpr const KernelTable* kTables[] = {
#if defined(__x86_64__)
    &kAvx512Table, &kAvx2Table,
#elif defined(__aarch64__)
    &kNeonTable,
#endif
    &kScalarTable};

constexpr InstructionSet kSets[] = {
#if defined(__x86_64__)
    {"avx512vnni", &kAvx512Table, &kPackedAvx512VnniTable, &kBf16Avx512Table},
    {"avx512", &kAvx512Table, &kPackedAvx512Table, nullptr},
    {"avxvnni", &kAvx2Table, &kPackedAvxVnniTable, nullptr},
    {"avx2", &kAvx2Table, &kPackedAvx2Table, nullptr},
#elif defined(__aarch64__)
    {"i8mm", &kNeonTable, &kPackedI8mmTable, &kBf16NeonTable},
    {"dotprod", &kNeonTable, &kPackedDotprodTable, nullptr},
    {"neon", &kNeonTable, &kPackedNeonTable, nullptr},
#endif
    {"scalar", &kScalarTable, &kPackedScalarTable, &kBf16ScalarTable},
};

std::atomic<const InstructionSet*> chosen{nullptr};

bool usable(const InstructionSet& set) noexcept {
  return set.dense->supported() && set.packed->supported();
}

const InstructionSet* find_set(const char* name) noexcept {
  for (const InstructionSet& set : kSets)
    if (std::strcmp(name, set.name) == 0) return usable(set) ? &set : nullptr;
  return nullptr;
}

const InstructionSet* named(const char* name, const char* source) {
  const InstructionSet* set = find_set(name);
  if (set == nullptr) {
    throw std::runtime_error(
        std::string(source) + " names the instruction set '" + name +
        "', which this machine or build cannot run; usable: " + usable_isa_names());
  }
  return set;
}

const InstructionSet* default_choice() {
  if (const char* wanted = std::getenv("LIBQUANT_ISA"); wanted != nullptr && *wanted != '\0')
    return named(wanted, "LIBQUANT_ISA");
  for (const InstructionSet& set : kSets)
    if (usable(set)) return &set;
  return &kSets[std::size(kSets) - 1];
}

const InstructionSet& active_set() {
  const InstructionSet* set = chosen.load(std::memory_order_acquire);
  if (set == nullptr) {
    set = default_choice();
    chosen.store(set, std::memory_order_release);
  }
  return *set;
}

}  // namespace

std::span<const KernelTable* const> compiled_tables() noexcept { return kTables; }

std::span<const InstructionSet> compiled_sets() noexcept { return kSets; }

const KernelTable* find_table(const char* name) noexcept {
  const InstructionSet* set = find_set(name);
  return set == nullptr ? nullptr : set->dense;
}

std::string usable_isa_names() {
  std::string names;
  for (const InstructionSet& set : kSets) {
    if (!usable(set)) continue;
    if (!names.empty()) names += ' ';
    names += set.name;
  }
  return names;
}

const KernelTable& active() { return *active_set().dense; }

const PackedTable& active_packed() { return *active_set().packed; }

const Bf16Table* active_bf16() {
  const Bf16Table* table = active_set().bf16;
  return table != nullptr && table->supported() ? table : nullptr;
}

void force_isa(const char* name) {
  chosen.store(name == nullptr ? nullptr : named(name, "force_isa"), std::memory_order_release);
}

}  // namespace libquant::kernels
