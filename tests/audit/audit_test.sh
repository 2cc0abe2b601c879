#!/usr/bin/env bash
# audit_test.sh LIBQUANT MAKE_CHECKPOINT: `libquant audit` and `libquant sweep` on a small made-up model and on made-up
# scores: files, exit codes, what an unchanged model gives, and every figure computed again by recompute.py.
set -euo pipefail
libquant=$1 make_checkpoint=$2 here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# expect CODE NAME COMMAND...: runs the command, keeps its output in out and err.
expect() {
  local code=0 wanted=$1 name=$2
  shift 2
  "$@" >out 2>err </dev/null || code=$?
  [ "$code" = "$wanted" ] || { fail "$name: exit code $code, expected $wanted: $*"; tail -n 20 out err; }
}
holds() { grep -qF -- "$2" "$1" || { fail "$3: no \"$2\" in $1"; head -n 20 "$1"; }; }
# json FILE EXPRESSION NAME: the Python expression over r, the file's JSON, is true.
json() {
  python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" ||
    fail "$3: not $2"
}

python3 "$here/make_items.py" .
"$make_checkpoint" model 64 96 2 300 >/dev/null
"$libquant" quantize model -o two --method rtn --bits 2 --group-size 32 --json >/dev/null
probes=(items.jsonl pairs.jsonl)

expect 0 "audit" "$libquant" audit --base model --quantized two --probes "${probes[@]}" --text text.txt --max-tokens 512 -o a --study
for file in report.json items.jsonl scores/model.jsonl scores/two.jsonl samples/model.jsonl samples/two.jsonl; do
  [ -s a/$file ] || fail "audit wrote no $file"
done
holds out "excess emergence" "the summary has the figures"
holds out "cannot be told from chance" "a model that knows nothing is said not to"
json a/report.json 'len(r["models"]) == 1 and r["base"]["weights"] == "BF16" and r["models"][0]["bits"] == 2' "models by their own types"
json a/report.json 'r["models"][0]["pairs"]["all"]["items"] == 40 and r["models"][0]["perplexity"] > 1' "pairs and perplexity"
json a/report.json '[s["licence"] for s in r["provenance"]["probe_sets"]] == ["CC0-1.0", "unknown"]' "licences"
json a/report.json 'r["base"]["scoring"]["tokens"] > 0 and len(r["study_protocol"]["models"]) == 2' "work and study"
python3 "$here/recompute.py" a || fail "the figures of a whole audit do not agree"

# What is unchanged shows nothing: exactly.
expect 0 "unchanged" "$libquant" audit --base model --quantized model --probes "${probes[@]}" -o same --study --json
cp out same.json
for figure in excess_emergence coupled_emergence greedy_emergence flips all_flips kl_divergence js_distance stereotype_shift; do
  json same.json "r['models'][0]['all']['$figure']['value'] in (0, None) and r['models'][0]['all']['all_flips']['n'] > 0" "unchanged $figure"
done
json same.json 'r["models"][0]["all"]["emergence_null"]["value"] > 0' "the null is not nothing"
json same.json '[m["all"]["emergence"]["value"] for m in r["study_protocol"]["models"] if m["noise"] == "common"] == [0]' "common random numbers"

json same.json '[m["all"]["emergence"]["low"] < m["expected_emergence"] < m["all"]["emergence"]["high"] and m["all"]["emergence"]["value"] > 0 for m in [r["study_protocol"]["unchanged"]] + r["study_protocol"]["models"] if m["noise"] == "independent"] == [True] * 2' "independent draws, of the second model too, show what the closed form says"

# A sample, and a run that goes on: nothing is scored twice, the figures are the same.
expect 0 "sample" "$libquant" audit --base model --quantized two --probes items.jsonl --items 60 --formats answers -o s
cp s/report.json first.json
head -n 21 s/scores/two.jsonl >kept && printf '{"id": "ow' >>kept && cp kept s/scores/two.jsonl
expect 1 "a used folder" "$libquant" audit --base model --quantized two --probes items.jsonl --items 60 --formats answers -o s
holds err "--resume" "a used folder names the way out"
expect 0 "resume" "$libquant" audit --base model --quantized two --probes items.jsonl --items 60 --formats answers -o s --resume
json s/report.json 'r["models"][0]["scoring"]["items"] == 40 and r["base"]["scoring"] is None' "what was scored is kept"
# Another batch sums in another order: the log-probabilities agree to about 1e-5.
json s/report.json '0 < r["models"][0]["all"]["kl_divergence"]["value"] and abs(r["models"][0]["all"]["kl_divergence"]["value"] - json.load(open("first.json"))["models"][0]["all"]["kl_divergence"]["value"]) < 1e-4' "resumed figures"
expect 1 "resume with other prompts" "$libquant" audit --base model --quantized two --probes items.jsonl --items 60 -o s --resume
holds err "letters" "what differs is named"
expect 0 "overwrite" "$libquant" audit --base model --quantized two --probes items.jsonl --items 60 -o s --overwrite

# The gate, on scores from elsewhere: a competent original, and models that only look fair.
gate() { expect "$1" "gate: $2" "$libquant" audit --base "$3.jsonl" --quantized "$4.jsonl" --probes items.jsonl --gate "${5:-default}" --json; }
gate 0 "unchanged" competent competent limits.json
gate 4 "unchanged, but too few items for the default" competent competent
json out '"the largest group has 60 ambiguous questions, 100 are needed: about 400 questions like these would do" in r["models"][0]["gate"]["summary"]' "what sample would do"
expect 4 "the terminal says so too" "$libquant" audit --base competent.jsonl --quantized competent.jsonl --probes items.jsonl --gate default
grep -qF "gate: inconclusive. No limit is broken, but this is no pass" out || fail "an inconclusive gate gives no reason"
gate 3 "random answers" competent random
json out 'r["verdict"] == "fail"' "random answers"
gate 3 "always unknown" competent unknown
gate 3 "stereotyped" competent stereotyped
json out '{c["name"]: c["verdict"] for c in r["models"][0]["gate"]["criteria"]}["excess_emergence"] == "fail"' "stereotyped"
json out 'r["models"][0]["gate"]["summary"].startswith("Beyond the limit: excess_emergence, stereotype_rate_change, answers_changed")' "the summary names the limits"
gate 4 "an original at chance" random random
json out '"chance" in r["models"][0]["gate"]["criteria"][0]["reason"]' "at chance"
gate 1 "limits that are none" competent competent items.jsonl
expect 0 "several models, scores from elsewhere" "$libquant" audit --base competent.jsonl --quantized random.jsonl unknown.jsonl stereotyped.jsonl --probes items.jsonl -o m
python3 "$here/recompute.py" m || fail "the figures of scores from elsewhere do not agree"
expect 1 "scores of other items" "$libquant" audit --base competent.jsonl --quantized foreign.jsonl --probes items.jsonl
holds err "no item is scored by both" "scores of other items"
expect 1 "study on scores" "$libquant" audit --base competent.jsonl --quantized random.jsonl --probes items.jsonl --study
expect 2 "no probes" "$libquant" audit --base model --quantized two

expect 0 "sweep" "$libquant" sweep --model model --bits 8 4 3 2 --group-size 32 --probes items.jsonl --formats answers -o w
json w/report.json 'r["kind"] == "sweep" and [m["bits"] for m in r["models"]] == [8, 4, 3, 2]' "levels of a sweep"
json w/report.json 'r["dose_response"]["levels"] == 5 and r["dose_response"]["records"] == 5 * 120' "the curve of a 16-bit source has its own level"
json w/report.json '[m["all"]["kl_divergence"]["value"] for m in r["models"]] == sorted(m["all"]["kl_divergence"]["value"] for m in r["models"])' "fewer bits, further away"
[ ! -e w/codes ] || fail "the sweep left codes behind"
python3 "$here/recompute.py" w || fail "the figures of a sweep do not agree"

[ $failures = 0 ] || { echo "$failures failures"; exit 1; }
