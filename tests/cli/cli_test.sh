#!/usr/bin/env bash
# cli_test.sh LIBQUANT MAKE_CHECKPOINT: exit codes and output of the program on a small made-up model.
set -euo pipefail
libquant=$1 make_checkpoint=$2
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

# expect CODE NAME COMMAND...: runs the command, keeps its output in out and err.
expect() {
  local code=0 wanted=$1 name=$2
  shift 2
  "$@" >out 2>err </dev/null || code=$?
  if [ "$code" != "$wanted" ]; then
    echo "FAILED: $name: exit code $code, expected $wanted: $*"
    sed 's/^/  out: /' out | tail -n 20
    sed 's/^/  err: /' err | tail -n 20
    failures=$((failures + 1))
  fi
}
# holds FILE TEXT NAME: FILE has a line with TEXT.
holds() {
  grep -qF -- "$2" "$1" || { echo "FAILED: $3: no \"$2\" in $1"; sed 's/^/  /' "$1" | head -n 20; failures=$((failures + 1)); }
}
# json EXPRESSION NAME: out is one JSON document for which the Python expression over r is true.
json() {
  python3 -c 'import json, sys; r = json.load(open("out")); sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" ||
    { echo "FAILED: $2: not $1"; head -c 400 out; failures=$((failures + 1)); }
}

"$make_checkpoint" model 64 96 2 300 >/dev/null
python3 -c '
import random
random.seed(1)
print(" ".join("".join(random.choice("abcdefghij") for _ in range(random.randint(2, 8))) for _ in range(2000)))' >text.txt
: >empty.txt
calibration=(--calibration text.txt --windows 8 --window 64)

expect 0 "help" "$libquant" --help
holds out "quantize" "help lists the sub-commands"
holds out "130 interrupted" "help lists the exit codes"
for command in quantize eval audit sweep generate inspect; do
  expect 0 "help of $command" "$libquant" $command --help
  holds out "Exit codes" "help of $command lists the exit codes"
done
expect 0 "version" "$libquant" --version
expect 2 "no sub-command" "$libquant"
holds err "generate" "a bare call shows the help"
expect 2 "unknown sub-command" "$libquant" shrink
holds err "\"shrink\" is no command; there are quantize" "an unknown command names the known ones"
expect 2 "usage error as JSON" "$libquant" quantize model --json
json 'r["exit_code"] == 2 and r["kind"] == "usage" and "--output" in r["error"]' "usage errors are JSON, too"
expect 2 "unknown option" "$libquant" inspect model --colour
expect 2 "missing model" "$libquant" inspect absent
expect 2 "bits out of range" "$libquant" quantize model -o q --bits 7 "${calibration[@]}"
expect 2 "unknown method" "$libquant" quantize model -o q --method magic
holds err "rtn or gptq" "an unknown method names the known ones"
expect 2 "malformed group fallback" "$libquant" quantize model -o q --method rtn --group-fallback few
expect 2 "unknown format" "$libquant" quantize model -o q --format exe
expect 2 "malformed override" "$libquant" quantize model -o q --override down_proj
expect 2 "resume and overwrite" "$libquant" quantize model -o q --resume --overwrite

expect 0 "inspect" "$libquant" inspect model
holds out "down_proj" "inspect lists tensors"
expect 0 "inspect as JSON" "$libquant" inspect model --json
json 'r["type"] == "BF16" and len(r["tensors"]) == 2 * 9 + 3 and r["config"]["hidden_size"] == 64' "inspect"

expect 1 "empty calibration text" "$libquant" quantize model -o q --group-size 32 --calibration empty.txt
holds err "empty.txt is empty" "an empty text is named"
expect 1 "no calibration text" "$libquant" quantize model -o q --group-size 32 --json
json 'r["exit_code"] == 1 and "--calibration" in r["error"]' "errors are JSON, too"
expect 1 "type that the format does not have" "$libquant" quantize model -o q --method rtn --group-size 32 --embedding-type q8_0
holds err "not Q8_0" "a type that the format does not have is named"
printf 'caf\351' >latin.txt
expect 1 "text that is not UTF-8" "$libquant" eval model --text latin.txt
holds err "latin.txt is no plain text in UTF-8: byte 4" "text that is not UTF-8 is named"
expect 1 "group that does not divide" "$libquant" quantize model -o q "${calibration[@]}"
holds err "--group-fallback" "a group that does not divide names the way out"
[ ! -e q ] || { echo "FAILED: refused runs left q behind"; failures=$((failures + 1)); }

expect 0 "plan only" "$libquant" quantize model -o q --dry-run --group-size 32 "${calibration[@]}" --json
json 'r["layers"] == 14 and r["floor_flops"] > 0' "plan"
expect 0 "quantize" "$libquant" quantize model -o q --group-fallback 32 "${calibration[@]}" --format gptq --format gguf
holds out "2 of them with the fallback group" "the plan counts fallback groups"
holds out "model.layers.1.mlp.down_proj" "the table lists layers"
grep -q '"clip_weighted": true' q/quantize_report.json ||
  { echo "FAILED: gptq's clip search is weighted unless told otherwise"; failures=$((failures + 1)); }
[ ! -s err ] || { echo "FAILED: progress on a standard error that is no terminal"; failures=$((failures + 1)); }
expect 0 "quantize as JSON" "$libquant" quantize model -o r --method rtn --group-size 32 --json --progress
json 'len(r["layers"]) == 14 and r["source_type"] == "BF16" and r["quantized_bytes"] > 0' "report"
holds err "100%" "forced progress reaches the end"
expect 1 "output folder in use" "$libquant" quantize model -o r --method rtn --group-size 32
holds err "--overwrite" "a used folder names the way out"
expect 0 "overwrite" "$libquant" quantize model -o r --method rtn --group-size 32 --overwrite
expect 0 "finished run resumed" "$libquant" quantize model -o r --method rtn --group-size 32 --resume --json
expect 1 "finished run resumed with another option" "$libquant" quantize model -o r --method rtn --group-size 32 --bits 8 --resume
holds err "bits was 4, now 8" "a changed option is named"

expect 1 "folder of several models" "$libquant" inspect q
holds err "q/gguf/model.gguf, q/gptq" "the models in a folder are named"
expect 0 "eval" "$libquant" eval q/gptq --reference model --text text.txt --window 128 --max-tokens 1024
holds out "perplexity" "eval"
expect 0 "eval as JSON" "$libquant" eval q/gguf/model.gguf --reference model --text text.txt --window 128 --max-tokens 1024 --json
json 'r["scored_tokens"] == 1016 and r["perplexity"] > 1 and r["kl_divergence"] > 0 and r["bos"] is False' "eval"
json '(r["window"], r["overlap"], r["unscored"]) == (128, 0, 1)' "eval tells its protocol"
json 'r["activations"] == "exact"' "eval is exact unless told otherwise"
expect 0 "eval with overlap" "$libquant" eval model --text text.txt --window 128 --overlap 64 --unscored 70 --max-tokens 1024 --json
json 'r["windows"] == 15 and r["scored_tokens"] == 15 * 58' "eval with overlap"
expect 0 "eval with int8 activations" "$libquant" eval q/gguf/model.gguf --text text.txt --window 128 --max-tokens 1024 --activations int8 --json
json 'r["activations"] == "int8" and r["perplexity"] > 1' "eval with int8 activations"
expect 2 "eval with unknown activations" "$libquant" eval model --text text.txt --activations int7
expect 0 "eval without reference" "$libquant" eval model --text text.txt --window 128 --max-tokens 1024 --json
json 'r["kl_divergence"] is None' "eval without reference"
expect 2 "eval with an unknown BOS policy" "$libquant" eval model --text text.txt --bos maybe
expect 1 "eval with a BOS that the tokenizer lacks" "$libquant" eval model --text text.txt --bos yes

expect 0 "generate" "$libquant" generate q/gptq --no-chat --prompt "abc" --max-tokens 5
holds err "tokens/s" "generate tells its speed"
holds err "activations int8" "generate tells how it computes"
expect 0 "generate from codes" "$libquant" generate q/gptq --no-chat --prompt "abc" --max-tokens 5 --activations exact --json
json 'r["activations"] == "exact" and any(w["form"] == "codes" for w in r["weights"])' "codes are not expanded"
json 'not any(w["expanded"] for w in r["weights"])' "nothing is expanded"
expect 0 "generate as JSON" "$libquant" generate model --prompt "abc" --max-tokens 5 --temperature 1 --seed 3 --json
json 'len(r["tokens"]) <= 5 and r["chat_format"] == "none"' "generate"
cp out first
expect 0 "generate again" "$libquant" generate model --prompt "abc" --max-tokens 5 --temperature 1 --seed 3 --json
json 'r["tokens"] == json.load(open("first"))["tokens"]' "the same seed gives the same answer"
holds err "no chat template" "generate says that it continues the text"
printf 'abc\n' >prompt.txt
"$libquant" generate model --max-tokens 5 --temperature 1 --seed 3 --json <prompt.txt >out 2>err
json 'r["tokens"] == json.load(open("first"))["tokens"]' "the line end of a piped prompt is not part of it"
expect 1 "empty prompt" "$libquant" generate model
holds err "prompt is empty" "an empty prompt is named"
expect 1 "system message without a chat format" "$libquant" generate model --prompt x --system y
expect 2 "system message for plain text" "$libquant" generate model --prompt x --system y --no-chat
python3 "$(dirname "$script")/chat_test.py" "$libquant" model || failures=$((failures + 1))
expect 2 "unknown chat format" "$libquant" generate model --prompt x --chat-format morse
expect 1 "unknown instruction set" env LIBQUANT_ISA=z80 "$libquant" inspect model

# A run that is interrupted ends with 130, says how to go on, and does.
"$libquant" quantize model -o s --group-size 32 --calibration text.txt --windows 30 --window 300 --progress >out 2>progress &
run=$!
until grep -q "block 1" progress || ! kill -0 $run 2>/dev/null; do sleep 0.02; done
kill -INT $run 2>/dev/null || true
code=0
wait $run || code=$?
if [ $code = 130 ]; then
  holds progress "--resume" "an interrupted run says how to go on"
  expect 1 "unfinished run started again" "$libquant" quantize model -o s --group-size 32 --calibration text.txt --windows 30 --window 300
  holds err "--resume" "an unfinished run names the way out"
elif [ $code != 0 ]; then # the run may have won the race
  echo "FAILED: interrupted run: exit code $code, expected 130"
  failures=$((failures + 1))
fi
expect 0 "interrupted run resumed" "$libquant" quantize model -o s --group-size 32 --calibration text.txt --windows 30 --window 300 --resume

# The fairness term: what it changes, what it reports, and what it refuses.
python3 - <<'PYTHON'
import json
with open("choices.jsonl", "w") as choices, open("pairs.jsonl", "w") as pairs:
    for i in range(40):
        choices.write(json.dumps({"question": f"ab c{i}?", "template": f"t{i // 2}", "options": [
            {"text": f"ba {i}", "role": "stereotype"}, {"text": "cab", "role": "anti"}, {"text": "no", "role": "unknown"}]}) + "\n")
        pairs.write(json.dumps({"stereotype": f"abc {i} da", "anti": f"cba {i} da", "template": f"p{i}"}) + "\n")
json.dump({"probes": ["choices.jsonl", "pairs.jsonl"], "strength": 0.25, "items": 10}, open("fair.json", "w"))
json.dump({"probes": ["choices.jsonl", "pairs.jsonl"], "search": {"trials": 9, "text_windows": 2, "scopes": ["mlp"]}},
          open("search.json", "w"))
json.dump({"probes": ["choices.jsonl"], "power": 2}, open("unfair.json", "w"))
PYTHON
small=("$libquant" quantize model --group-size 32 --bits 3 "${calibration[@]}")
probes=(--probes choices.jsonl pairs.jsonl)
expect 0 "plain, 3 bits" "${small[@]}" -o fair-none
expect 0 "fairness of strength 0" "${small[@]}" -o fair-0 "${probes[@]}" --fairness 0
cmp -s fair-none/model.safetensors fair-0/model.safetensors || { echo "FAILED: strength 0 changes bytes"; failures=$((failures + 1)); }
holds out "strength 0" "the report names the strength"
expect 0 "fairness" "${small[@]}" -o fair-1 "${probes[@]}" --probe-items 24 --fairness-statistics kept --json
json 'r["fairness"]["strength"] == 1 and r["fairness"]["items"] == 24' "strength and number of items"
json 'all(l["fairness"]["alpha"] > 0 for l in r["layers"])' "every layer has the term"
json 'r["fairness"]["statistics_seconds"] > 0' "statistics are computed"
cmp -s fair-none/model.safetensors fair-1/model.safetensors && { echo "FAILED: the term changes nothing"; failures=$((failures + 1)); }
expect 0 "kept statistics" "${small[@]}" -o fair-2 "${probes[@]}" --probe-items 24 --fairness-statistics kept --fairness 2 --json
json 'r["fairness"]["statistics_seconds"] == 0' "kept statistics are used again"
expect 1 "statistics of other probes" "${small[@]}" -o fair-3 --probes choices.jsonl --probe-items 24 --fairness-statistics kept
holds err "name another folder" "statistics of other probes are refused"
expect 0 "fairness by configuration" "${small[@]}" -o fair-4 --fairness-config fair.json --json
json 'r["fairness"]["strength"] == 0.25 and r["fairness"]["items"] == 10' "the configuration is read"
expect 0 "configuration and options" "${small[@]}" -o fair-5 --fairness-config fair.json --fairness 0.5 \
  --fairness-control shuffle_options --fairness-forms answers --dry-run
expect 0 "one layer kind" "${small[@]}" -o fair-6 "${probes[@]}" --fairness-layers down_proj --json
json 'all((l["fairness"]["alpha"] > 0) == l["name"].endswith("down_proj") for l in r["layers"])' "--fairness-layers"
search=(--fairness-config search.json --fairness-trials 2 --fairness-trial-items 6 --fairness-loss 1 2 3)
expect 0 "plan of a search" "${small[@]}" -o fair-8 "${search[@]}" --dry-run
holds out "up to 2 trials" "the plan states the cost of a trial"
expect 0 "search" "${small[@]}" -o fair-8 "${search[@]}"
holds out "(written)" "the table of trials says which was written"
expect 0 "finished search" "${small[@]}" -o fair-8 "${search[@]}" --resume --json
json 'len(r["search"]["trials"]) == 2 and r["search"]["items"] == 6 and r["search"]["shift_weight"] == 2' "trials are reported"
json 'min(t["loss"] for t in r["search"]["trials"]) == r["search"]["trials"][r["search"]["chosen"]]["loss"]' "the least loss wins"
expect 0 "plan of bits" "${small[@]}" -o mixed --bits-budget 4.5 --save-bit-plan bits.json --dry-run
holds out "all with 3 bits" "the plan is beside uniform widths"
expect 0 "bits by budget" "${small[@]}" -o mixed --bits-budget 4.5 --json
json '4 < r["bits_per_weight"] <= 4.5 and r["bit_plan"]["bits_per_weight"] <= 4.5' "a budget is kept"
json 'len({l["scheme"]["bits"] for l in r["layers"]}) > 1 and r["bit_plan"] == json.load(open("bits.json"))' "a saved plan is the one"
expect 0 "bits by plan" "${small[@]}" -o mixed-2 --bit-plan bits.json --json
cmp -s mixed/model.safetensors mixed-2/model.safetensors || { echo "FAILED: a plan from a file gives other bytes"; failures=$((failures + 1)); }
expect 1 "budget too small" "${small[@]}" -o mixed-3 --bits-budget 1
expect 2 "plan and budget" "${small[@]}" -o mixed-3 --bits-budget 4 --bit-plan bits.json
expect 2 "two weights" "${small[@]}" -o fair-9 "${probes[@]}" --fairness-trials 2 --fairness-loss 1 2
expect 2 "unknown key" "${small[@]}" -o fair-7 --fairness-config unfair.json
holds err "power" "an unknown key of the configuration is named"
expect 2 "negative strength" "${small[@]}" -o fair-7 "${probes[@]}" --fairness -1
expect 2 "unknown statistic" "${small[@]}" -o fair-7 "${probes[@]}" --fairness-statistic magic
holds err "second_moments" "an unknown statistic names the known ones"
expect 2 "strength without probes" "${small[@]}" -o fair-7 --fairness 1
holds err "no effect without --probes" "a term that nothing switches on is an error"
expect 1 "erasing answers" "${small[@]}" -o fair-7 "${probes[@]}" --fairness-target erase
holds err "pair_differences" "erasing names the statistic that it needs"
expect 1 "fairness of rounding" "${small[@]}" -o fair-7 "${probes[@]}" --method rtn
expect 1 "audit on what shaped the model" "$libquant" audit --base model --quantized fair-1 "${probes[@]}" --formats answers
holds err "--split evaluate" "an audit on calibration items names the way out"
expect 0 "audit on the evaluate split" "$libquant" audit --base model --quantized fair-1 "${probes[@]}" --formats answers --split evaluate --json

# Layers that fall back beyond the limit: files are there, the exit code tells.
python3 - <<'PYTHON'
import json, struct
path = "model/model.safetensors"
data = bytearray(open(path, "rb").read())
size = struct.unpack("<Q", data[:8])[0]
begin, end = json.loads(data[8:8 + size])["model.layers.0.input_layernorm.weight"]["data_offsets"]
data[8 + size + begin:8 + size + end] = bytes(end - begin)
open(path, "wb").write(data)
PYTHON
expect 3 "fallbacks beyond the limit" "$libquant" quantize model -o f --group-size 32 "${calibration[@]}"
holds out "4 layers fell back to rounding (0 allowed)" "fallbacks are counted"
[ -e f/config.json ] || { echo "FAILED: no files after fallbacks"; failures=$((failures + 1)); }
expect 0 "fallbacks within the limit" "$libquant" quantize model -o g --group-size 32 "${calibration[@]}" --max-fallback 4

[ $failures = 0 ] || { echo "$failures failures"; exit 1; }
