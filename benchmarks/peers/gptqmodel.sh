#!/usr/bin/env bash
# Usage: bash benchmarks/peers/gptqmodel.sh [WINDOWS [WINDOW]]
# GPTQModel against `libquant quantize`, in turns on the same machine: 4 bits in groups of 64, the same weights and the
# same calibration windows (32 x 512 tokens by default), both with their own defaults beyond that. Prints wall and CPU
# seconds and the largest resident memory of each process, perplexities of both results, and the ratios. Needs the
# environment that tests/interop/run.sh makes and a machine with nothing else to do.
set -euo pipefail
cd "$(dirname "$0")/../.."
windows=${1:-32} window=${2:-512}
cache=${LIBQUANT_CACHE:-$HOME/.cache/libquant}/interop
python=$cache/venv/bin/python
libquant=${LIBQUANT_PROGRAM:-build/release/bin/libquant}
ids_of=build/release/tests/unit/tokenizer/tokenizer_ids
[ -x "$python" ] || { echo "run tests/interop/run.sh first: it installs GPTQModel" >&2; exit 1; }
model=$(bash examples/fetch_model.sh)
work=$cache/peer
mkdir -p "$work"
texts=(examples/calibration/*.txt)

# measure NAME COMMAND...: appends NAME, wall, CPU and memory to $work/figures.
measure() {
  python3 - "$work/figures" "$@" <<'PYTHON'
import resource, subprocess, sys, time
figures, name, *command = sys.argv[1:]
begin = time.perf_counter()
log = open(figures + ".log", "a")
code = subprocess.run(command, stdout=log, stderr=log).returncode
wall, used = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
if code:
    sys.exit(f"{name} ended with {code}: see {figures}.log")
line = f"{name} {wall:.1f} {used.ru_utime + used.ru_stime:.1f} {used.ru_maxrss / 1024:.0f}"
open(figures, "a").write(line + "\n")
print("{}: {} s, {} s of CPU, {} MiB resident at most".format(*line.split()))
PYTHON
}
perplexity() {
  "$libquant" eval "$1" --text examples/evaluation/held_out.txt --max-tokens 8192 --json |
    python3 -c 'import json, sys; print("{:.3f}".format(json.load(sys.stdin)["perplexity"]))'
}
ours() {
  measure libquant "$libquant" quantize "$model" --overwrite --output "$work/ours" --calibration "${texts[@]}" \
    --windows "$windows" --window "$window" --bits 4 --group-size 64 --dense-type f16 --format gptq
}

# The ids of all texts in a row, as libquant reads them.
if [ ! -s "$work/ids.json" ]; then
  "$ids_of" ids "$model" "${texts[@]}" | python3 -c '
import json, sys
print(json.dumps([id for line in sys.stdin for id in json.loads(line)]))' >"$work/ids.part"
  mv "$work/ids.part" "$work/ids.json"
fi
rm -f "$work/figures" "$work/figures.log"
ours
if [ ! -s "$work/dense/config.json" ]; then
  "$python" benchmarks/peers/gptqmodel_peer.py prepare "$model" "$work/ours" "$work/dense.part"
  mv "$work/dense.part" "$work/dense"
fi
rm -rf "$work/theirs"
# It writes its logs where it runs.
measure GPTQModel env -C "$work" "$python" "$PWD/benchmarks/peers/gptqmodel_peer.py" quantize "$work/dense" \
  "$work/ids.json" "$work/theirs" "$windows" "$window"
ours
python3 - "$work/figures" <<'PYTHON'
import sys
rows = [line.split() for line in open(sys.argv[1])]
figures = {}
for name, *values in rows:
    figures.setdefault(name, []).append([float(value) for value in values])
mean = {name: [sum(column) / len(column) for column in zip(*rows)] for name, rows in figures.items()}
wall, cpu, memory = (a / b for a, b in zip(mean["GPTQModel"], mean["libquant"]))
print(f"GPTQModel over libquant: {wall:.2f} x the time, {cpu:.2f} x the CPU, {memory:.1f} x the memory")
PYTHON
[ "${LIBQUANT_PEER_PERPLEXITY:-1}" = 0 ] ||
  echo "perplexity: original $(perplexity "$model"), libquant $(perplexity "$work/ours"), GPTQModel $(perplexity "$work/theirs")"
