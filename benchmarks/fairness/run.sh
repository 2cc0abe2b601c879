#!/usr/bin/env bash
# What the fairness term is worth, and how much of it any probe-like text would give: quantizes one model in many ways
# and compares the answers to items that none of them has seen.
#
#   bash benchmarks/fairness/run.sh [--quick | --full] [--grids "4 3 4-symmetric 3-symmetric"] [--seeds "0 1"]
#                                   [--only "METHOD..."] [--items N] [--output DIR] [--model PATH] [--data DIR]
#
# Judged on BBQ's Religion and Physical_appearance, which nothing is calibrated on: 300 stratified items (--quick: 150),
# and on the StereoSet terms of the evaluate split. Grids are the bits, asymmetric unless they say so; 4 and 3 by default.
# --full makes the main table instead of the ablation: all 2,776 items, symmetric grids too, and of the methods only plain,
# fair-1, shuffled-1 and refined-1. --only makes other methods, named as in the tables; fair-0.25 and fair-4 are made with
# it alone. Plain, fair and shuffled models are made once a seed, from other windows of the same text, and enter the tables
# with their mean: two runs that should be alike differ by up to a quarter. Finished models and scores are kept in DIR, so an
# interrupted run goes on where it stopped, and later runs add to it. Ends with Markdown tables:
# DIR/GRID/table-ITEMS.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

grids= seeds="0 1" only= output=build/fairness model= data=${LIBQUANT_DATA:-../shared/data} items=300 eval_tokens=6144 full=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) items=150 eval_tokens=4096; shift ;;
    --full) items=0 eval_tokens=32768 full=1; shift ;;
    --items) items=$2; shift 2 ;;
    --grids) grids=$2; shift 2 ;;
    --seeds) seeds=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    --model) model=$2; shift 2 ;;
    --data) data=$2; shift 2 ;;
    -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown argument $1; try --help" >&2; exit 2 ;;
  esac
done
if [ -n "$full" ]; then
  : "${grids:=4 3 4-symmetric 3-symmetric}" "${only:=plain fair-1 shuffled-1 refined-1}"
else
  : "${grids:=4 3}"
  : "${only:=plain plain-32x512 rtn fair-1 shuffled-1 moments-1 neutral-1 differences-1 shuffled-pairs-1 published-0.1
    refined-0 refined-1 selected mixed-1}"
fi
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

# quantize METHOD NAME ARGUMENTS...: into $folder/NAME, unless it is there; NAME joins $models.
quantize() {
  local method=$1 name=$2
  shift 2
  [[ " ${only//$'\n'/ } " == *" $method "* ]] || return 0
  models+=("$name")
  [ ! -e "$folder/$name/quantize_report.json" ] || return 0
  echo "== $grid: $name ($(date +%H:%M))" >&2
  "$libquant" quantize "$model" --output "$folder/$name" --bits "$bits" --group-size 64 --zero "$zero" \
    --format compressed-tensors --dense-type f16 --resume --json "$@" >"$folder/$name.json"
}
# seeded METHOD ARGUMENTS...: once a seed; the name of seed 0 is the method's.
seeded() {
  local method=$1 seed
  shift
  for seed in $seeds; do
    if [ "$seed" = 0 ]; then quantize "$method" "$method" "$@"; else
      quantize "$method" "$method-seed-$seed" "$@" --seed "$seed"; fi
  done
}
# probes STATISTICS STRENGTH ARGUMENTS...: the arguments of a fairness term; models with the same probes share statistics.
probes() {
  local statistics=$output/statistics/$1 strength=$2
  shift 2
  term=("${short[@]}" --probes "${calibrate[@]}" --fairness "$strength" --fairness-statistics "$statistics" "$@")
}
# perplexity MODEL FILE: once; a cut-off run leaves no file.
perplexity() {
  [ ! -e "$2" ] || return 0
  "$libquant" eval "$1" --text "$data/wikitext2/valid.txt" --max-tokens "$eval_tokens" --json >"$2.part"
  mv "$2.part" "$2"
}
# audit NAME PROBES AND ARGUMENTS...: scores of all models in $folder/NAME; figures above a gate's limit are no failure.
audit() {
  local name=$1 scores="$1/scores/$(basename "$model").jsonl" earlier
  shift
  for earlier in "$output"/*/"$scores"; do  # the original answers alike on every grid
    if [ -e "$earlier" ] && [ ! -e "$folder/$scores" ]; then
      mkdir -p "$folder/$name/scores"
      cp "$earlier" "$folder/$scores.part" && mv "$folder/$scores.part" "$folder/$scores"
    fi
  done
  "$libquant" audit --base "$model" --quantized "${models[@]/#/$folder/}" --formats answers --chat-format none \
    --output "$folder/$name" --resume --json --probes "$@" >"$folder/$name.json" || [ $? -ge 3 ]
}
# compare NAME PROBES...: the models of an audit against the plain ones, and every control's share of the fair gain.
compare() {
  local scores=$folder/$1/scores files=() name gain=()
  shift
  for name in "${models[@]}"; do files+=("$scores/$name.jsonl"); done
  [[ " ${models[*]} " != *" fair-1 "* ]] || gain=(--gain fair-1)
  "$pairs" "${files[@]}" --probes "$@" --base "$scores/$(basename "$model").jsonl" --reference plain "${gain[@]}"
}
# uniform_bits NAME: the bits per weight of a model with the same bits everywhere, as a budget for others.
uniform_bits() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["bits_per_weight"])' "$folder/$1/quantize_report.json"
}
make_models() {
  seeded plain "${short[@]}"
  probes sensitivity 1; seeded fair-1 "${term[@]}"
  quantize rtn rtn --method rtn
  quantize plain-32x512 plain-32x512 "${long[@]}"
  probes shuffled 1 --fairness-control shuffle_options; seeded shuffled-1 "${term[@]}"
  probes moments 1 --fairness-statistic second_moments; quantize moments-1 moments-1 "${term[@]}"
  probes neutral 1 --fairness-statistic neutral; quantize neutral-1 neutral-1 "${term[@]}"
  probes differences 1 --fairness-statistic pair_differences; quantize differences-1 differences-1 "${term[@]}"
  probes shuffled_pairs 1 --fairness-statistic pair_differences --fairness-control shuffle_pairs
  quantize shuffled-pairs-1 shuffled-pairs-1 "${term[@]}"
  probes published 0.1 --fairness-statistic pair_differences --fairness-mode fair-gptq-2509.15206
  quantize published-0.1 published-0.1 "${term[@]}"
  probes sensitivity 0; quantize refined-0 refined-0 "${term[@]}" --refine-steps 10
  probes sensitivity 1
  quantize refined-1 refined-1 "${term[@]}" --refine-steps 10
  quantize selected selected "${term[@]}" --fairness-trials 4
  [ ! -e "$folder/plain/quantize_report.json" ] ||
    quantize mixed-1 mixed-1 "${term[@]}" --bits-budget "$(uniform_bits plain)"
  probes sensitivity 0.25; quantize fair-0.25 fair-0.25 "${term[@]}"
  probes sensitivity 4; quantize fair-4 fair-4 "${term[@]}"
}

for grid in $grids; do
  bits=${grid%%-*} zero=asymmetric folder=$output/$grid models=()
  [ "$grid" = "$bits" ] || zero=${grid#*-}
  mkdir -p "$folder"
  make_models
  [[ " ${models[*]} " == *" plain "* ]] || { echo "nothing to compare with: --only lacks plain" >&2; exit 2; }
  echo "== $grid: audit ($(date +%H:%M))" >&2
  audit "unseen-$items" "${unseen[@]}" --items "$items"
  audit terms "${terms[@]}" --split evaluate
  perplexity "$model" "$output/original-$eval_tokens.json"
  for name in "${models[@]}"; do perplexity "$folder/$name" "$folder/$name-$eval_tokens.json"; done
  {
    printf '# %s bits, groups of 64, %s\n\n' "$bits" "$zero"
    python3 benchmarks/fairness/perplexities.py "$output/original-$eval_tokens.json" "$folder" "$eval_tokens" "${models[@]}"
    compare "unseen-$items" "${unseen[@]}"
    compare terms "${terms[@]}"
  } | tee "$folder/table-$items.md"
done
