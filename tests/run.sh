#!/usr/bin/env bash
# Installs what the build needs, builds Release and runs every test that a change must pass: unit tests, installed
# package, layer order, public headers on their own, and the NEON kernels under qemu. Takes no argument and no input.
. "$(dirname "$0")/support/steps.sh"

bash cmake/install-packages.sh build model test
if model=$(bash examples/fetch_model.sh); then
  export LIBQUANT_MODEL=$model
elif [ -n "${CI:-}" ]; then
  exit 1
else
  echo "no demonstration model: the tests that need it are skipped" >&2
fi

# Cores with base NEON only, with half precision and dot products, and with all that the emulator knows. Debian 12's
# Catch2 is a header, which crosses; Catch2 3 is a library for this machine's processor.
kernels_under_qemu() {
  if ! dpkg-query --show --showformat='${Version}' catch2 2>/dev/null | grep -q '^2\.'; then
    echo "SKIPPED: the cross build of the tests needs Catch2 2"
    count_tests 0 0 1
    return
  fi
  build aarch64
  run_ctest build/aarch64 -j 2
}

step "build release" build release --target all all_verify_interface_header_sets
step "tests" run_ctest build/release -j 2
step "NEON kernels under qemu" kernels_under_qemu
finish
