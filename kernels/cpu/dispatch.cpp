#include "kernels/cpu/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

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

std::atomic<const KernelTable*> chosen{nullptr};

const KernelTable* named(const char* name, const char* source) {
  const KernelTable* table = find_table(name);
  if (table == nullptr) {
    throw std::runtime_error(
        std::string(source) + " names the instruction set '" + name +
        "', which this machine or build cannot run; usable: " + usable_isa_names());
  }
  return table;
}

const KernelTable* default_choice() {
  if (const char* wanted = std::getenv("LIBQUANT_ISA"); wanted != nullptr && *wanted != '\0')
    return named(wanted, "LIBQUANT_ISA");
  for (const KernelTable* table : kTables)
    if (table->supported()) return table;
  return &kScalarTable;
}

}  // namespace

std::span<const KernelTable* const> compiled_tables() noexcept { return kTables; }

const KernelTable* find_table(const char* name) noexcept {
  for (const KernelTable* table : kTables)
    if (std::strcmp(name, table->name) == 0) return table->supported() ? table : nullptr;
  return nullptr;
}

std::string usable_isa_names() {
  std::string names;
  for (const KernelTable* table : kTables) {
    if (!table->supported()) continue;
    if (!names.empty()) names += ' ';
    names += table->name;
  }
  return names;
}

const KernelTable& active() {
  const KernelTable* table = chosen.load(std::memory_order_acquire);
  if (table == nullptr) {
    table = default_choice();
    chosen.store(table, std::memory_order_release);
  }
  return *table;
}

void force_isa(const char* name) {
  chosen.store(name == nullptr ? nullptr : named(name, "force_isa"), std::memory_order_release);
}

}  // namespace libquant::kernels
