#!/usr/bin/env bash
# On the demonstration model at 3 and 4 bits in groups of 64, 32 x 512 tokens of calibration:
#   perplexity  original < GPTQ < round-to-nearest on text that was not calibrated on
#   layers      GPTQ's Hessian-weighted error below round-to-nearest's with the same grid and clip, on every layer
#   threads     the same bytes with one thread and with two (4 x 512 tokens)
set -euo pipefail
cd "$(dirname "$0")/../.."
libquant=$PWD/build/release/bin/libquant
model=$(bash examples/fetch_model.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tokens=${LIBQUANT_QUALITY_TOKENS:-8192}
failed=0

quantize() {
  "$libquant" quantize "$model" --calibration examples/calibration/*.txt --window 512 --group-size 64 --json "$@" \
    >"$work/report"
}
perplexity() {
  "$libquant" eval "$1" --text examples/evaluation/held_out.txt --max-tokens "$tokens" --json |
    python3 -c 'import json, sys; print(repr(json.load(sys.stdin)["perplexity"]))'
}
hashes() { (cd "$1" && find . -type f ! -name quantize_report.json -print0 | sort -z | xargs -0 sha256sum); }
# expect NAME COMMAND...
expect() {
  local name=$1 word=ok
  shift
  "$@" || { word=FAILED; failed=$((failed + 1)); }
  echo "$word: $name"
}
ordered() { python3 -c 'import sys; a, b, c = map(float, sys.argv[1:]); sys.exit(not a < b < c)' "$@"; }
every_layer_below() {
  python3 - "$work/report" <<'PYTHON'
import json, sys
layers = json.load(open(sys.argv[1]))["layers"]
share = sorted((layer["error"] / layer["rtn_error"], layer["name"]) for layer in layers)
above = [name for ratio, name in share if not ratio < 1]
print(f"  {len(layers)} layers, error over rounding's: best {share[0][0]:.3f}, "
      f"median {share[len(share) // 2][0]:.3f}, worst {share[-1][0]:.3f} ({share[-1][1]})")
sys.exit(len(layers) != 210 or bool(above))
PYTHON
}

original=$(perplexity "$model")
for bits in 3 4; do
  quantize --bits $bits --windows 32 --output "$work/gptq"
  expect "$bits bits: GPTQ's error is below rounding's on every layer" every_layer_below
  quantize --bits $bits --method rtn --output "$work/rtn"
  gptq=$(perplexity "$work/gptq") rtn=$(perplexity "$work/rtn")
  expect "$bits bits: perplexity $original < $gptq (GPTQ) < $rtn (rounding)" ordered "$original" "$gptq" "$rtn"
  rm -rf "$work/rtn" "$work/gptq"
done
for threads in 1 2; do
  quantize --bits 4 --windows 4 --threads $threads --output "$work/threads-$threads"
  hashes "$work/threads-$threads" >"$work/hashes-$threads"
done
expect "the same bytes with one thread and with two, $(wc -l <"$work/hashes-1") files" cmp "$work"/hashes-{1,2}
[ $failed = 0 ]
