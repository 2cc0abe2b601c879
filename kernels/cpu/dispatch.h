#pragma once

#include <span>
#include <string>

#include "kernels/cpu/bf16_table.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/packed_table.h"

namespace libquant::kernels {

/// Tables compiled into this build, best first; the last one is "scalar" and always supported.
std::span<const KernelTable* const> compiled_tables() noexcept;

/// An instruction set by its name, and the kernels that need nothing beyond it. The packed kernels
/// tell more sets apart than the others: "avxvnni" runs the others from "avx2".
struct InstructionSet {
  const char* name;
  const KernelTable* dense;
  const PackedTable* packed;
  const Bf16Table* bf16;  ///< or null; some processors with the set run it, others do not
};

/// Instruction sets compiled into this build, best first; the last one is "scalar".
std::span<const InstructionSet> compiled_sets() noexcept;

/// The table that this machine can run under that name, or nullptr.
const KernelTable* find_table(const char* name) noexcept;

/// Names that find_table accepts on this machine, best first, separated by spaces.
std::string usable_isa_names();

/// The table in use: what force_isa chose, else what the environment variable LIBQUANT_ISA names,
/// else the best that the machine runs. Throws std::runtime_error, with the usable names, where
/// LIBQUANT_ISA names none of them. Kernels cannot throw, so a program should call this once before
/// any kernel; otherwise the process ends with that message. `active().name` belongs into every
/// record of a result: bytes are the same at any thread count, not across instruction sets.
const KernelTable& active();

/// The packed kernels in use, chosen like active().
const PackedTable& active_packed();

/// The bfloat16 products beside them, or nullptr where the set has none or the machine lacks them.
const Bf16Table* active_bf16();

/// Uses the named tables from now on; nullptr returns to the default choice. Throws
/// std::runtime_error, with the usable names, where this machine cannot run it. Not to be called
/// while kernels run.
void force_isa(const char* name);

}  // namespace libquant::kernels
