#!/usr/bin/env bash
# Usage: bash tests/support/tidy.sh BUILD_FOLDER SECONDS [BASE]
# Runs clang-tidy on the sources and public headers that differ from commit BASE (all of them without BASE), newest
# change first, two at a time. Starts no further file after SECONDS and names those left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1 limit=$2 base=${3:-}

if [ -n "$base" ]; then
  changed=$(git log --format= --name-only "$base"..HEAD && git diff --name-only HEAD)
else
  changed=$(git ls-files)
fi
# A public header has a source of its own in the compilation database: the one that checks that it compiles alone.
files=()
while read -r file; do
  for known in "$PWD/$file" "$PWD/$build/libquant_verify_interface_header_sets/$file.cxx"; do
    if grep -qF "\"file\": \"$known\"" "$build/compile_commands.json"; then files+=("$known"); fi
  done
done < <(awk '/\.(h|cpp)$/ && !seen[$0]++' <<<"$changed")
echo "${#files[@]} files to check"
[ ${#files[@]} -gt 0 ] || exit 0

# Clang counts sign conversion as part of -Wconversion, GCC does not.
check() {
  if [ "$(date +%s)" -ge "$2" ]; then echo "not checked, out of time: $3"; return; fi
  clang-tidy-14 -p "$1" --quiet --extra-arg=-Wno-unknown-warning-option \
    --extra-arg=-Wno-sign-conversion "$3" 2>&1 |
    { grep -vE '^[0-9]+ warnings? (and [0-9]+ errors? )?generated|^Suppressed|^Use -header-filter' || true; }
}
export -f check
printf '%s\0' "${files[@]}" |
  xargs -0 -P 2 -I{} bash -o pipefail -c 'check "$@"' check "$build" $(($(date +%s) + limit)) {}
