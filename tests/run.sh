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

build() { cmake --preset "$1" && cmake --build --preset "$@"; }

step "build release" build release --target all all_verify_interface_header_sets
step "tests" run_ctest build/release -j 2
finish
