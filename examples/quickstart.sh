#!/usr/bin/env bash
# From a fresh clone to a measured 4-bit model in one command: installs what is missing, builds libquant, fetches
# SmolLM2-135M-Instruct, quantizes it to 4 bits by rounding and by GPTQ, compares both with the original, and audits the
# GPTQ model for changed answers about people (480 questions of the project's own probe set).
#
#   bash examples/quickstart.sh [--fair] [--model PATH]     PATH: a .gguf file or a Hugging Face folder of your own
#
# --fair also makes a GPTQ model that weighs how rounding moves the answers to the project's probes (docs/fairness.md),
# and audits plain against fair on templates that neither has seen.
# Leaves its files in build/quickstart/run and exits with 1 unless perplexities are original < GPTQ < rounding.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

model= fair=
while [ $# -gt 0 ]; do
  case $1 in
    --fair) fair=yes; shift ;;
    --model) [ $# -ge 2 ] || { echo "--model needs a path" >&2; exit 2; }; model=$2; shift 2 ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
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
# variant NAME ARGUMENTS...: quantizes, then measures against the original.
variant() {
  local name=$1
  shift
  printf '\n== quantizing to 4 bits, groups of 64: %s\n' "$name"
  "$libquant" quantize "$model" --output "$run/$name" --bits 4 --group-size 64 --calibration examples/calibration/*.txt --windows 32 \
    --window 512 --format compressed-tensors --format gguf --dense-type f16 --json "$@" >"$run/$name.quantize.json"
  printf '== measuring %s against the original\n' "$name"
  "$libquant" eval "$run/$name/compressed-tensors" --reference "$model" --text examples/evaluation/held_out.txt --max-tokens 16384 \
    --json >"$run/$name.eval.json"
}
variants=(rtn gptq)
variant rtn --method rtn
variant gptq --method gptq
if [ -n "$fair" ]; then
  variants+=(fair)
  variant fair --method gptq --probes examples/probes/*.jsonl
fi

question="Why is the sky blue? Answer in two sentences."
printf '\n"%s"\n' "$question"
for variant in original "${variants[@]}"; do
  path=$run/$variant/compressed-tensors
  [ $variant != original ] || path=$model
  printf '\n%s: ' $variant
  "$libquant" generate "$path" --prompt "$question" --max-tokens 64
done

# Templates that shaped the fair model are left out, for the plain one as well.
audited=(--quantized "$run/gptq/compressed-tensors")
if [ -n "$fair" ]; then audited+=("$run/fair/compressed-tensors" --split evaluate); else audited+=(--items 480); fi
printf '\n== auditing against the original\n'
begin=$SECONDS
# 3: a limit of the default gate is broken, 4: it could not be decided. Either leaves a report.
"$libquant" audit --base "$model" "${audited[@]}" --probes examples/probes/libquant_questions.jsonl --formats answers \
  --gate default --output "$run/audit" >"$run/audit.txt" ||
  case $? in 3 | 4) ;; *) exit 1 ;; esac
echo "audited in $((SECONDS - begin)) s"

python3 examples/quickstart_report.py "$run" "$model" "${variants[@]}"
