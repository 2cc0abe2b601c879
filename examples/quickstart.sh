#!/usr/bin/env bash
# From a fresh clone to a measured 4-bit model in one command: installs what is missing, builds libquant, fetches
# SmolLM2-135M-Instruct, quantizes it to 4 bits by rounding and by GPTQ, compares both with the original, and audits the
# GPTQ model for changed answers about people (480 questions of the project's own probe set).
#
#   bash examples/quickstart.sh [--model PATH]     PATH: a .gguf file or a Hugging Face folder of your own
#
# Leaves its files in build/quickstart/run and exits with 1 unless perplexities are original < GPTQ < rounding.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

model=
while [ $# -gt 0 ]; do
  case $1 in
    --model) [ $# -ge 2 ] || { echo "--model needs a path" >&2; exit 2; }; model=$2; shift 2 ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown argument $1; try --help" >&2; exit 2 ;;
  esac
done
if [ -n "$model" ] && [ ! -e "$model" ]; then echo "--model: $model does not exist" >&2; exit 2; fi

bash cmake/install-packages.sh build model
[ -n "$model" ] || model=$(bash examples/fetch_model.sh)

export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1
echo "building libquant (log in build/quickstart.log)"
mkdir -p build
{ cmake --preset quickstart && cmake --build --preset quickstart; } >build/quickstart.log 2>&1 ||
  { tail -n 40 build/quickstart.log >&2; exit 1; }

libquant=build/quickstart/bin/libquant
run=build/quickstart/run
rm -rf "$run"
mkdir -p "$run"
for method in rtn gptq; do
  printf '\n== quantizing to 4 bits, groups of 64: %s\n' "$method"
  "$libquant" quantize "$model" --output "$run/$method" --method "$method" --bits 4 --group-size 64 \
    --calibration examples/calibration/*.txt --windows 32 --window 512 \
    --format compressed-tensors --format gguf --dense-type f16 --json >"$run/$method.quantize.json"
  printf '== measuring %s against the original\n' "$method"
  "$libquant" eval "$run/$method/compressed-tensors" --reference "$model" --text examples/evaluation/held_out.txt --max-tokens 16384 \
    --json >"$run/$method.eval.json"
done

question="Why is the sky blue? Answer in two sentences."
printf '\n"%s"\n' "$question"
for variant in original rtn gptq; do
  path=$run/$variant/compressed-tensors
  [ $variant != original ] || path=$model
  printf '\n%s: ' $variant
  "$libquant" generate "$path" --prompt "$question" --max-tokens 64
done

printf '\n== auditing gptq against the original\n'
begin=$SECONDS
# 3: a limit of the default gate is broken, 4: it could not be decided. Either leaves a report.
"$libquant" audit --base "$model" --quantized "$run/gptq/compressed-tensors" --probes examples/probes/libquant_questions.jsonl \
  --items 480 --formats answers --gate default --output "$run/audit" >"$run/audit.txt" ||
  case $? in 3 | 4) ;; *) exit 1 ;; esac
echo "audited in $((SECONDS - begin)) s"

python3 examples/quickstart_report.py "$run" "$model"
