#!/usr/bin/env bash
# Everything that tests/run.sh leaves out for its length: all shapes and schemes, every instruction set of this machine,
# ThreadSanitizer, clang-tidy on every file, and the large checks in tests/slow (each a script that exits with 0).
. "$(dirname "$0")/support/steps.sh"

bash cmake/install-packages.sh build model test check slow
LIBQUANT_MODEL=$(bash examples/fetch_model.sh)
export LIBQUANT_MODEL LIBQUANT_FULL_MATRIX=1

tests_under_tsan() {
  build tsan
  # Archer tells ThreadSanitizer what OpenMP's barriers order; libraries that are not instrumented have no say.
  TSAN_OPTIONS=ignore_noninstrumented_modules=1 run_ctest build/tsan --exclude-regex '^install'
}

step "build release" build release --target all all_verify_interface_header_sets
step "tests, full matrix" run_ctest build/release -j 2
step "tests under ThreadSanitizer" tests_under_tsan
step "clang-tidy on every file" bash tests/support/tidy.sh build/release 7200
for script in tests/slow/*.sh; do
  [ ! -e "$script" ] || step "$script" bash "$script"
done
finish
