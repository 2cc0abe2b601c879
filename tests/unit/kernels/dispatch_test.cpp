#include "kernels/cpu/dispatch.h"

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
  for (const auto* table : kernels::compiled_tables()) {
    CAPTURE(table->name);
    if (!table->supported()) {
      CHECK(kernels::find_table(table->name) == nullptr);
      CHECK(refusal(table->name).find("usable: ") != std::string::npos);
      continue;
    }
    const libquant::tests::ForcedIsa forced(table->name);
    CHECK(&kernels::active() == table);
  }
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
  for (const auto* table : kernels::compiled_tables()) {
    if (!table->supported()) continue;
    const Environment environment(table->name);
    CHECK(std::string(kernels::active().name) == table->name);
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
