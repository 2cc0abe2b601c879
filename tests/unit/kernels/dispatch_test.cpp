#include "kernels/cpu/dispatch.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;

namespace {

std::string refusal(const char* name) {
  try {
    kernels::force_isa(name);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "accepted";
}

struct Environment {
  explicit Environment(const char* value) : before_(std::getenv("LIBQUANT_ISA")) {
    if (before_ != nullptr) kept_ = before_;
    setenv("LIBQUANT_ISA", value, 1);
    kernels::force_isa(nullptr);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    before_ != nullptr ? setenv("LIBQUANT_ISA", kept_.c_str(), 1) : unsetenv("LIBQUANT_ISA");
    kernels::force_isa(nullptr);
  }

 private:
  const char* before_;
  std::string kept_;
};

}  // namespace

TEST_CASE("every usable instruction set can be forced by name", "[dispatch]") {
  for (const kernels::InstructionSet& set : kernels::compiled_sets()) {
    CAPTURE(set.name);
    if (!set.dense->supported() || !set.packed->supported()) {
      CHECK(kernels::find_table(set.name) == nullptr);
      CHECK(refusal(set.name).find("usable: ") != std::string::npos);
      continue;
    }
    const libquant::tests::ForcedIsa forced(set.name);
    CHECK(&kernels::active() == set.dense);
    CHECK(&kernels::active_packed() == set.packed);
    const bool bf16 = set.bf16 != nullptr && set.bf16->supported();
    CHECK(kernels::active_bf16() == (bf16 ? set.bf16 : nullptr));
  }
}

TEST_CASE("every table has an instruction set of its name", "[dispatch]") {
  const auto sets = kernels::compiled_sets();
  for (const auto* table : kernels::compiled_tables()) {
    CAPTURE(table->name);
    CHECK(std::any_of(sets.begin(), sets.end(), [&](const kernels::InstructionSet& set) {
      return set.dense == table && std::string(set.name) == table->name;
    }));
  }
  for (const kernels::InstructionSet& set : sets) CHECK(std::string(set.name) == set.packed->name);
}

TEST_CASE("the last compiled table is the portable one and always usable", "[dispatch]") {
  const auto tables = kernels::compiled_tables();
  CHECK(std::string(tables.back()->name) == "scalar");
  CHECK(tables.back()->supported());
}

TEST_CASE("an unusable instruction set is refused with the usable names", "[dispatch]") {
  const std::string message = refusal("z80");
  CHECK(message.find("'z80'") != std::string::npos);
  CHECK(message.find("usable: " + kernels::usable_isa_names()) != std::string::npos);
}

TEST_CASE("LIBQUANT_ISA chooses the instruction set", "[dispatch]") {
  for (const kernels::InstructionSet& set : kernels::compiled_sets()) {
    if (!set.dense->supported() || !set.packed->supported()) continue;
    const Environment environment(set.name);
    CHECK(&kernels::active() == set.dense);
    CHECK(&kernels::active_packed() == set.packed);
  }
}

TEST_CASE("a wrong LIBQUANT_ISA is an error that lists the usable names", "[dispatch]") {
  const Environment environment("avx9000");
  std::string message;
  try {
    kernels::active();
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  CHECK(message.find("LIBQUANT_ISA") != std::string::npos);
  CHECK(message.find("'avx9000'") != std::string::npos);
  CHECK(message.find("scalar") != std::string::npos);
}
