#!/usr/bin/env bash
# Quantizes a generated checkpoint of more than 4 GB by GPTQ and watches /proc: anonymous resident memory must stay
# within 1.3 x (largest block in fp32 + its Hessians in double + hidden states of the calibration tokens) + 64 MB, and
# so must the peak that the program reports. Needs 8 GB of disk for a while (LIBQUANT_SCRATCH names the place).
set -euo pipefail
cd "$(dirname "$0")/../.."
libquant=$PWD/build/release/bin/libquant
work=$(mktemp -d "${LIBQUANT_SCRATCH:-${TMPDIR:-/tmp}}/libquant-memory.XXXXXX")
trap 'rm -rf "$work"' EXIT

hidden=2048 mlp=5632 layers=31 vocabulary=151936 windows=4 window=256
free=$(df --output=avail -B1 "$work" | tail -n 1)
[ "$free" -gt 8000000000 ] || { echo "FAILED: 8 GB of disk needed in $work, $free bytes free"; exit 1; }
build/release/tests/tools/make_checkpoint "$work/model" $hidden $mlp $layers $vocabulary >/dev/null
size=$(du -sb "$work/model" | cut -f1)
[ "$size" -ge 4000000000 ] || { echo "FAILED: the checkpoint has only $size bytes"; exit 1; }
python3 -c '
import random
random.seed(1)
print(" ".join("".join(random.choice("abcdefghij") for _ in range(random.randint(2, 8))) for _ in range(4000)))' >"$work/text.txt"

# 32 heads of 64, 8 of them for keys and values.
limit=$(python3 -c "
hidden, mlp = $hidden, $mlp
block = 4 * (2 * hidden * hidden + 2 * hidden * hidden // 4 + 3 * hidden * mlp)
hessians = 8 * (3 * hidden * hidden + mlp * mlp)
activations = 4 * $windows * $window * hidden
print(int(1.3 * (block + hessians + activations) + 64e6))")

"$libquant" quantize "$work/model" --output "$work/small" --calibration "$work/text.txt" --windows $windows \
  --window $window --bits 4 --group-size 64 --json >"$work/report" &
run=$!
highest=0 samples=0
while kill -0 $run 2>/dev/null; do
  now=$(awk '/^RssAnon/ {print $2 * 1024}' /proc/$run/status 2>/dev/null) || now=0
  [ "${now:-0}" -le $highest ] || highest=$now
  samples=$((samples + 1))
  sleep 0.05
done
wait $run
python3 - "$work/report" "$highest" "$limit" "$size" "$samples" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
highest, limit, size, samples = map(int, sys.argv[2:])
reported, expected = report["peak_anonymous_bytes"], report["expected_peak_bytes"]
print(f"checkpoint {size / 1e9:.2f} GB, {report['blocks']} blocks, {report['seconds']:.0f} s, {samples} samples")
print(f"anonymous memory: highest seen {highest / 1e6:.1f} MB, reported {reported / 1e6:.1f} MB, "
      f"announced {expected / 1e6:.1f} MB, limit {limit / 1e6:.1f} MB")
if report["method_fallbacks"] or not 0 < max(highest, reported) <= limit or not samples > 100:
    sys.exit("FAILED")
PYTHON
