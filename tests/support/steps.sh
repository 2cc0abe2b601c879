# Sourced by tests/run.sh, tests/slow.sh and .ci/run: runs named steps one after the other, keeps going after a failed
# one, and ends with a table of what ran, its wall and CPU seconds, and the line "N passed, N failed, N skipped" that
# counts single tests. LIBQUANT_STEPS names a file to which a script called from another appends its counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec </dev/null
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1 # a second clone finds what the first one compiled

steps_passed=0 steps_failed=0 steps_skipped=0
steps_table=()
steps_tally=${LIBQUANT_STEPS:-}
steps_work=$(mktemp -d)
trap 'rm -rf "$steps_work"' EXIT

# Sets cpu_seconds to what this shell's finished children used; times tells only the shell that calls it.
read_cpu() {
  times >"$steps_work/times"
  cpu_seconds=$(awk 'NR == 2 {for (i = 1; i <= 2; ++i) {split($i, t, /[ms]/); s += 60 * t[1] + t[2]}}
    END {printf "%d", s}' "$steps_work/times")
}

# count_tests PASSED FAILED SKIPPED: what a step found out beyond its own success.
count_tests() { echo "$*" >>"$steps_work/counts"; }

# step NAME COMMAND...: the command runs in a subshell under set -e.
step() {
  local name=$1 start=$SECONDS cpu code=0 outcome=ok
  shift
  read_cpu
  cpu=$cpu_seconds
  printf '\n== %s\n' "$name"
  : >"$steps_work/counts"
  set +e
  (set -e; "$@")
  code=$?
  set -e
  local passed=0 failed=0 skipped=0 a b c
  while read -r a b c; do passed=$((passed + a)) failed=$((failed + b)) skipped=$((skipped + c)); done <"$steps_work/counts"
  if [ ! -s "$steps_work/counts" ]; then
    if [ $code = 0 ]; then passed=1; else failed=1; fi
  elif [ $code != 0 ] && [ $failed = 0 ]; then
    failed=1
  fi
  [ $failed = 0 ] || outcome=FAILED
  steps_passed=$((steps_passed + passed)) steps_failed=$((steps_failed + failed)) steps_skipped=$((steps_skipped + skipped))
  read_cpu
  steps_table+=("$(printf '%-40s %-6s %5d s %5d s CPU %5d passed %3d failed %3d skipped' "$name" "$outcome" \
    $((SECONDS - start)) $((cpu_seconds - cpu)) $passed $failed $skipped)")
}

# build PRESET ARGUMENTS...: configures and builds.
build() { cmake --preset "$1" && cmake --build --preset "$@"; }

# run_ctest BUILD_FOLDER ARGUMENTS...: ctest whose single results are counted.
run_ctest() {
  local folder=$1 code=0 report=$steps_work/junit.xml
  shift
  # Two tests at a time, each with a thread a core: threads that spin while they wait take the other test's time.
  OMP_WAIT_POLICY=passive ctest --test-dir "$folder" --output-on-failure --no-tests=error --output-junit "$report" "$@" || code=$?
  local total failed skipped
  total=$(grep -om1 'tests="[0-9]*"' "$report" | tr -dc 0-9)
  failed=$(grep -om1 'failures="[0-9]*"' "$report" | tr -dc 0-9)
  skipped=$(grep -om1 'skipped="[0-9]*"' "$report" | tr -dc 0-9)
  count_tests $((total - failed - skipped)) "$failed" "$skipped"
  return $code
}

# Prints the table and leaves with the outcome.
finish() {
  printf '\n'
  printf '%s\n' "${steps_table[@]}"
  [ -z "$steps_tally" ] || echo "$steps_passed $steps_failed $steps_skipped" >>"$steps_tally"
  printf '%d passed, %d failed, %d skipped\n' $steps_passed $steps_failed $steps_skipped
  [ $steps_failed = 0 ] || exit 1
  exit 0
}
