#!/usr/bin/env bash
# Usage: bash tests/fuzz/run.sh BUILD_FOLDER SECONDS
# Runs every fuzzer of a build of preset fuzz for SECONDS, two at a time, starting from the committed corpus
# tests/fuzz/corpus/NAME. A finding is left in BUILD_FOLDER/findings and fails the run.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1 seconds=$2
findings=$build/findings
mkdir -p "$findings"

mapfile -t fuzzers < <(find "$build/tests/fuzz" -maxdepth 1 -name 'fuzz_*' -type f -executable | sort)
[ ${#fuzzers[@]} -gt 0 ] || { echo "no fuzzers in $build/tests/fuzz" >&2; exit 1; }

# The names that the parsers look for: mutations reach a key that no committed input has.
dictionary=$findings/dictionary
grep -rohE --include='*.cpp' '"[A-Za-z0-9_.-]{3,}"' libquant/{checkpoint,io,model,tokenizer} | sort -u >"$dictionary"

fuzz() {
  local name corpus grown
  name=$(basename "$1")
  corpus=tests/fuzz/corpus/${name#fuzz_}
  [ -d "$corpus" ] || { echo "$name has no committed corpus $corpus"; return 1; }
  grown=$(mktemp -d)
  if "$1" -max_total_time="$2" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -artifact_prefix="$3/$name-" \
    -dict="$3/dictionary" "$grown" "$corpus" >"$3/$name.log" 2>&1; then
    echo "$name: $(grep -o 'number_of_executed_units: .*' "$3/$name.log"), $(find "$corpus" -type f | wc -l)" \
      "committed inputs, $(grep -o 'cov: [0-9]*' "$3/$name.log" | tail -n 1 | tr -dc 0-9) edges covered"
    rm -r "$grown"
  else
    rm -r "$grown"
    tail -n 40 "$3/$name.log"
    echo "$name: FAILED, input in $3"
    return 1
  fi
}
export -f fuzz
printf '%s\0' "${fuzzers[@]}" | xargs -0 -P 2 -I{} bash -euo pipefail -c 'fuzz "$@"' fuzz {} "$seconds" "$findings"
