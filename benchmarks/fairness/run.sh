#!/usr/bin/env bash
# What the fairness term is worth, and how much of it any probe-like text would give: quantizes one model in many ways
# and compares the answers to items that none of them has seen.
#
#   bash benchmarks/fairness/run.sh [--full] [--bits "4 3"] [--output DIR] [--model PATH] [--data DIR]
#
# Without --full: 300 stratified items of the evaluate split, 16k tokens of calibration. With it: every item. Finished
# models and scores are kept in DIR, so an interrupted run goes on where it stopped. Ends with Markdown tables.
set -euo pipefail
cd "$(dirname "$0")/../.."

bits="4 3" output=build/fairness model= data=${LIBQUANT_DATA:-../shared/data} items=300 eval_tokens=8192
while [ $# -gt 0 ]; do
  case $1 in
    --full) items=0 eval_tokens=65536; shift ;;
    --bits) bits=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    --model) model=$2; shift 2 ;;
    --data) data=$2; shift 2 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown argument $1; try --help" >&2; exit 2 ;;
  esac
done
[ -d "$data/bbq" ] || { echo "no probe sets in $data: set LIBQUANT_DATA or --data" >&2; exit 2; }
[ -n "$model" ] || model=$(bash examples/fetch_model.sh)

export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1
cmake --preset bench >/dev/null
cmake --build --preset bench --target libquant_program fairness_pairs >/dev/null
libquant=build/bench/bin/libquant pairs=build/bench/benchmarks/fairness_pairs

text=$data/calibration/c4.txt
calibrate=("$data"/bbq/Age.jsonl "$data"/bbq/Gender_identity.jsonl "$data"/stereoset/intrasentence_*.csv)
evaluate=("$data"/bbq/Religion.jsonl "$data"/bbq/Physical_appearance.jsonl "$data"/stereoset/intrasentence_*.csv)
short=(--calibration "$text" --windows 256 --window 64)
long=(--calibration "$text" --windows 32 --window 512)

# quantize NAME ARGUMENTS...: into $folder/NAME, unless it is there.
quantize() {
  local name=$1
  shift
  [ ! -e "$folder/$name/quantize_report.json" ] || return 0
  echo "== $name ($(date +%H:%M))" >&2
  "$libquant" quantize "$model" --output "$folder/$name" --bits "$b" --group-size 64 --zero asymmetric \
    --format compressed-tensors --resume --json "$@" >"$folder/$name.json"
}
# probes NAME STRENGTH ARGUMENTS...: the tuned plain method with a fairness term; statistics are shared by strengths and bits.
probes() {
  local name=$1 strength=$2 statistics=$output/statistics/${1%-*}
  shift 2
  quantize "$name" "${short[@]}" --probes "${calibrate[@]}" --fairness "$strength" --fairness-statistics "$statistics" "$@"
}

for b in $bits; do
  folder=$output/$b-bit
  mkdir -p "$folder"
  quantize rtn --method rtn
  quantize plain-32x512 "${long[@]}"
  quantize plain "${short[@]}"
  probes fair-1 1
  probes fair-0.5 0.5
  probes shuffled-1 1 --fairness-control shuffle_options
  probes moments-1 1 --fairness-statistic second_moments
  probes differences-1 1 --fairness-statistic pair_differences
  probes published-0.1 0.1 --fairness-statistic pair_differences --fairness-mode fair-gptq-2509.15206
  probes neutral-1 1 --fairness-statistic neutral
  models=(rtn plain-32x512 plain fair-1 fair-0.5 shuffled-1 moments-1 differences-1 published-0.1 neutral-1)
  echo "== audit ($(date +%H:%M))" >&2
  "$libquant" audit --base "$model" --quantized "${models[@]/#/$folder/}" --probes "${evaluate[@]}" --split evaluate \
    --items "$items" --formats answers --chat-format none --text "$data/wikitext2/valid.txt" --max-tokens "$eval_tokens" \
    --output "$folder/audit" --resume --json >"$folder/audit.json" || [ $? -ge 3 ]
  base=$folder/audit/scores/$(basename "$model").jsonl
  others=()
  for name in "${models[@]}"; do [ "$name" = plain ] || others+=("$folder/audit/scores/$name.jsonl"); done
  {
    printf '# %s bits, groups of 64, asymmetric\n\n' "$b"
    python3 benchmarks/fairness/perplexities.py "$folder/audit/report.json" "$folder"
    "$pairs" "${others[@]}" --probes "${evaluate[@]}" --base "$base" --reference "$folder/audit/scores/plain.jsonl"
  } | tee "$folder/table.md"
done
