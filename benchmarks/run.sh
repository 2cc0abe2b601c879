#!/usr/bin/env bash
# Builds the kernel benchmarks and runs them, each kernel beside probes of the machine in the same process.
#
#   bash benchmarks/run.sh --quick          the table of goals, goal and figure a line; under five minutes
#   bash benchmarks/run.sh                  the same, then a cut through all shapes, schemes and instruction sets
#   bash benchmarks/run.sh ARGUMENTS...     kernel_benchmark with these arguments: names, --list, --filter, --help
#
# Leaves build/kernel_bench/quick.json and full.json, which benchmarks/roofline.py draws. LIBQUANT_PEERS names the file that
# benchmarks/peers/run.sh wrote, for the line that compares with another library. Exits with 1 where a goal is missed
# or a kernel seems faster than a probe that bounds it (then the probe is wrong).
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

bash cmake/install-packages.sh build bench
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1
mkdir -p build
{ cmake --preset kernel_bench && cmake --build --preset kernel_bench; } >build/kernel_bench.log 2>&1 || { tail -n 40 build/kernel_bench.log >&2; exit 1; }
program=build/kernel_bench/benchmarks/kernel_benchmark

if [ $# -gt 0 ] && [ "$1" != --quick ]; then exec "$program" "$@"; fi

if [ -n "${LIBQUANT_PEERS:-}" ] && [ ! -r "$LIBQUANT_PEERS" ]; then
  echo "benchmarks/run.sh: LIBQUANT_PEERS names '$LIBQUANT_PEERS', which cannot be read" >&2
  exit 2
fi

code=0
rm -f build/kernel_bench/quick.json build/kernel_bench/full.json
"$program" --set quick --json build/kernel_bench/quick.json || code=1
[ -e build/kernel_bench/quick.json ] || exit 1
echo
python3 benchmarks/goals.py build/kernel_bench/quick.json ${LIBQUANT_PEERS:+"$LIBQUANT_PEERS"} || code=1
if [ $# = 0 ]; then
  echo
  "$program" --set full --json build/kernel_bench/full.json || code=1
fi
exit $code
