#!/usr/bin/env bash
# Measures other libraries at the products of libquant's goals, in alternating processes, each beside its own probes.
#
#   bash benchmarks/peers/run.sh FOLDER [onnxruntime] [ggml=SOURCE] [ik=SOURCE]
#
# Builds and installs everything under FOLDER and writes FOLDER/peers.json: see README.md beside this file.
# LIBQUANT_QUIET names a command that runs its arguments while the machine does nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
seconds=${LIBQUANT_PEER_SECONDS:-0.5}

cmake --preset kernel_bench >/dev/null
cmake --build --preset kernel_bench --target kernel_benchmark benchmark_probes >/dev/null
cp build/kernel_bench/benchmarks/libbenchmark_probes.so "$folder/"

sources="benchmarks/peers/ggml_peer.cpp benchmarks/paired.cpp benchmarks/cold_memory.cpp benchmarks/compute_probes.cpp
  benchmarks/read_patterns.cpp kernels/threads.cpp kernels/fma_probe.cpp"

# build_ggml NAME SOURCE OPTIONS...: their library, and our program on top of it.
build_ggml() {
  local name=$1 source=$2
  shift 2
  cmake -S "$source" -B "$folder/build-$name" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
    -DGGML_NATIVE=ON -DGGML_BUILD_TESTS=OFF -DGGML_BUILD_EXAMPLES=OFF "$@" >"$folder/$name.log"
  cmake --build "$folder/build-$name" >>"$folder/$name.log" 2>&1
  local libraries define= link=
  # Without flash attention its library lacks two functions that no product calls.
  [ "$name" != ik ] || { define=-DPEER_IK; link=-Wl,--defsym=iqk_flash_attn_noalibi=0,--defsym=iqk_fa_work_buffer_size=0; }
  libraries=$(find "$folder/build-$name" -name '*.a' | tr '\n' ' ')
  # shellcheck disable=SC2086
  g++ -std=c++20 -O2 -fopenmp $define -I. -I"$source/include" $sources -Wl,--start-group $libraries -Wl,--end-group \
    -ldl -lpthread $link -o "$folder/peer-$name"
}

commands=()
# A process for each case: where one ends early, only its lines are missing.
add_cases() {
  local name
  while read -r name; do commands+=("$1 $name $seconds"); done < <("$1")
}
for peer in "$@"; do
  case $peer in
    onnxruntime)
      [ -x "$folder/venv/bin/python" ] || python3 -m venv "$folder/venv"
      "$folder/venv/bin/pip" install --quiet onnxruntime onnx numpy
      commands+=("$folder/venv/bin/python benchmarks/peers/onnxruntime_peer.py $folder/libbenchmark_probes.so $seconds") ;;
    ggml=*) build_ggml ggml "${peer#ggml=}"; add_cases "$folder/peer-ggml" ;;
    ik=*)
      # Flash attention has nothing to do with matrix products and takes most of the time to build.
      build_ggml ik "${peer#ik=}" -DGGML_IQK_FLASH_ATTENTION=OFF -DCMAKE_CXX_STANDARD=20
      add_cases "$folder/peer-ik" ;;
    *) echo "unknown peer $peer" >&2; exit 2 ;;
  esac
done

ours="build/kernel_bench/benchmarks/kernel_benchmark --set quick --filter activations:automatic|/T:[0-9]+$ --seconds $seconds"
: >"$folder/peers.jsonl"
round=0
for command in "${commands[@]}"; do
  round=$((round + 1))
  # shellcheck disable=SC2086
  ${LIBQUANT_QUIET:-} $ours --json "$folder/libquant-$round.json" || true
  # shellcheck disable=SC2086
  ${LIBQUANT_QUIET:-} $command 2>"$folder/errors.txt" | tee -a "$folder/peers.jsonl" ||
    { echo "failed: $command"; tail -n 3 "$folder/errors.txt"; } >&2
done
# shellcheck disable=SC2086
${LIBQUANT_QUIET:-} $ours --json "$folder/libquant-last.json" || true

python3 - "$folder" <<'PYTHON'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
results = [json.loads(line) for line in (folder / "peers.jsonl").read_text().splitlines()]
(folder / "peers.json").write_text(json.dumps({"results": results}, indent=1))
print(folder / "peers.json")
PYTHON
