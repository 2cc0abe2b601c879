#!/usr/bin/env bash
# What the fairness term is worth, and how much of it any probe-like text would give: quantizes one model in many ways
# and compares the answers to items that none of them has seen.
#
#   bash benchmarks/fairness/run.sh [--quick | --full] [--bits "4 3"] [--only "NAME..."] [--output DIR]
#                                   [--items N] [--model PATH] [--data DIR]
#
# Judged on BBQ's Religion and Physical_appearance, which nothing is calibrated on: 300 stratified items (--quick: 150,
# --full: all 2,776), and on the StereoSet terms of the evaluate split. Names ending in seed-1 are calibrated on other
# windows of the same text: how far two runs differ that should not. --only makes some of the models; names are those
# of the table. Finished models and scores are kept in DIR, so an interrupted run goes on where it stopped, and later
# runs add to it. Ends with Markdown tables: DIR/N-bit/table.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

bits="4 3" only= output=build/fairness model= data=${LIBQUANT_DATA:-../shared/data} items=300 eval_tokens=6144
while [ $# -gt 0 ]; do
  case $1 in
    --quick) items=150 eval_tokens=4096; shift ;;
    --full) items=0 eval_tokens=65536; shift ;;
    --items) items=$2; shift 2 ;;
    --bits) bits=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    --model) model=$2; shift 2 ;;
    --data) data=$2; shift 2 ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown argument $1; try --help" >&2; exit 2 ;;
  esac
done
[ -d "$data/bbq" ] || { echo "no probe sets in $data: set LIBQUANT_DATA or --data" >&2; exit 2; }
[ -n "$model" ] || model=$(bash examples/fetch_model.sh)

export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1
cmake --preset bench >/dev/null
cmake --build --preset bench --target libquant_program fairness_pairs >/dev/null
libquant=build/bench/bin/libquant pairs=build/bench/benchmarks/fairness_pairs

text=$data/calibration/c4.txt terms=("$data"/stereoset/intrasentence_*.csv)
calibrate=("$data"/bbq/Age.jsonl "$data"/bbq/Gender_identity.jsonl "${terms[@]}")
unseen=("$data"/bbq/Religion.jsonl "$data"/bbq/Physical_appearance.jsonl)
short=(--calibration "$text" --windows 256 --window 64)
long=(--calibration "$text" --windows 32 --window 512)

# quantize NAME ARGUMENTS...: into $folder/NAME, unless it is there; NAME joins $models.
quantize() {
  local name=$1
  shift
  [ -z "$only" ] || [[ " $only " == *" $name "* ]] || return 0
  models+=("$name")
  [ ! -e "$folder/$name/quantize_report.json" ] || return 0
  echo "== $b bits: $name ($(date +%H:%M))" >&2
  "$libquant" quantize "$model" --output "$folder/$name" --bits "$b" --group-size 64 --zero asymmetric \
    --format compressed-tensors --resume --json "$@" >"$folder/$name.json"
}
# probes NAME STATISTICS STRENGTH ARGUMENTS...: plain with a fairness term; models with the same probes share statistics.
probes() {
  local name=$1 statistics=$output/statistics/$2 strength=$3
  shift 3
  quantize "$name" "${short[@]}" --probes "${calibrate[@]}" --fairness "$strength" --fairness-statistics "$statistics" "$@"
}
# perplexity MODEL FILE: once; a cut-off run leaves no file.
perplexity() {
  [ ! -e "$2" ] || return 0
  "$libquant" eval "$1" --text "$data/wikitext2/valid.txt" --max-tokens "$eval_tokens" --json >"$2.part"
  mv "$2.part" "$2"
}
# audit NAME PROBES AND ARGUMENTS...: scores of all models in $folder/NAME; figures above a gate's limit are no failure.
audit() {
  local name=$1
  shift
  "$libquant" audit --base "$model" --quantized "${models[@]/#/$folder/}" --formats answers --chat-format none \
    --output "$folder/$name" --resume --json --probes "$@" >"$folder/$name.json" || [ $? -ge 3 ]
}
# compare NAME PROBES...: the models of an audit against the plain one.
compare() {
  local scores=$folder/$1/scores others=() name
  shift
  for name in "${models[@]}"; do [ "$name" = plain ] || others+=("$scores/$name.jsonl"); done
  "$pairs" "${others[@]}" --probes "$@" --base "$scores/$(basename "$model").jsonl" --reference "$scores/plain.jsonl"
}

for b in $bits; do
  folder=$output/$b-bit models=()
  mkdir -p "$folder"
  quantize rtn --method rtn
  quantize plain-32x512 "${long[@]}"
  quantize plain "${short[@]}"
  quantize plain-seed-1 "${short[@]}" --seed 1
  probes fair-0.25 sensitivity 0.25
  probes fair-1 sensitivity 1
  probes fair-1-seed-1 sensitivity 1 --seed 1
  probes fair-4 sensitivity 4
  probes shuffled-1 shuffled 1 --fairness-control shuffle_options
  probes moments-1 moments 1 --fairness-statistic second_moments
  probes differences-1 differences 1 --fairness-statistic pair_differences
  probes published-0.1 published 0.1 --fairness-statistic pair_differences --fairness-mode fair-gptq-2509.15206
  probes neutral-1 neutral 1 --fairness-statistic neutral
  [[ " ${models[*]} " == *" plain "* ]] || { echo "nothing to compare with: --only lacks plain" >&2; exit 2; }
  echo "== $b bits: audit ($(date +%H:%M))" >&2
  audit unseen "${unseen[@]}" --items "$items"
  audit terms "${terms[@]}" --split evaluate
  perplexity "$model" "$output/original-$eval_tokens.json"
  for name in "${models[@]}"; do perplexity "$folder/$name" "$folder/$name-$eval_tokens.json"; done
  {
    printf '# %s bits, groups of 64, asymmetric\n\n' "$b"
    python3 benchmarks/fairness/perplexities.py "$output/original-$eval_tokens.json" "$folder" "$eval_tokens" "${models[@]}"
    compare unseen "${unseen[@]}"
    compare terms "${terms[@]}"
  } | tee "$folder/table.md"
done
