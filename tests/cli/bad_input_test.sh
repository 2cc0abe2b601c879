#!/usr/bin/env bash
# bad_input_test.sh LIBQUANT MAKE_CHECKPOINT: what the program says about files that are damaged or do not fit, and that
# nothing half-written is left. The parsers' own tests hold many more cases; here it is what a user sees.
set -euo pipefail
libquant=$1 make_checkpoint=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

wrong() { # NAME REASON
  echo "FAILED: $1: $2"
  sed 's/^/  /' err | tail -n 8
  failures=$((failures + 1))
}
# refused NAME "TEXT|TEXT..." COMMAND...: exit code 1, one message of at most 400 letters with every TEXT, no output folder.
refused() {
  local name=$1 texts=$2 code=0 text
  shift 2
  rm -rf q
  "$@" >out 2>err </dev/null || code=$?
  [ $code = 1 ] || wrong "$name" "exit code $code, expected 1"
  grep -q '^libquant: ' err || wrong "$name" "no message"
  [ "$(wc -c <err)" -le 400 ] || wrong "$name" "a message of $(wc -c <err) letters"
  while read -r -d '|' text; do
    grep -qF -- "$text" err || wrong "$name" "no \"$text\" in the message"
  done <<<"$texts|"
  [ ! -e q ] || wrong "$name" "left $(find q | tr '\n' ' ')"
}

"$make_checkpoint" model 64 96 2 300 >/dev/null
python3 -c '
import random
random.seed(1)
print(" ".join("".join(random.choice("abcdefghij") for _ in range(random.randint(2, 8))) for _ in range(1500)))' >text.txt
quantize() { "$libquant" quantize "$@" --output q --group-size 32 --windows 4 --window 64 --calibration text.txt; }
quantize model --method rtn --format gguf >/dev/null
mv q/model.gguf good.gguf
rm -rf q

# damage FOLDER PYTHON: a copy of the model; the code may change header (a dict), data (a bytearray) and config (a dict).
damage() {
  rm -rf "$1"
  cp -r model "$1"
  python3 - "$1" "$2" <<'PYTHON'
import json, struct, sys
folder, code = sys.argv[1:]
path = folder + "/model.safetensors"
raw = open(path, "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
header, data = json.loads(raw[8:8 + size]), bytearray(raw[8 + size:])
config = json.load(open(folder + "/config.json"))
down = "model.layers.1.mlp.down_proj.weight"
def put(name, value):
    """The second value of a BF16 tensor."""
    begin = header[name]["data_offsets"][0] + 2
    data[begin:begin + 2] = struct.pack("<f", value)[2:]
exec(code)
text = header if isinstance(header, bytes) else json.dumps(header).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
json.dump(config, open(folder + "/config.json", "w"))
PYTHON
}
# bad NAME PYTHON "TEXT|...": the damaged copy is refused by quantize and by eval.
bad() {
  damage bad "$2"
  refused "$1, quantize" "$3" quantize bad
  refused "$1, eval" "$3" "$libquant" eval bad --text text.txt
}

damage intact ''
"$libquant" inspect intact >/dev/null || { echo "FAILED: an undamaged copy is refused"; failures=$((failures + 1)); }

bad "tensor data cut short" 'del data[-100:]' "bad/model.safetensors|"
bad "bytes after the last tensor" 'data += bytes(64)' "bad/model.safetensors|64"
bad "offsets that overlap" 'header[down]["data_offsets"] = [o - 2 for o in header[down]["data_offsets"]]' "bad/model.safetensors|"
bad "a negative offset" 'header[down]["data_offsets"][0] = -2' "bad/model.safetensors|down_proj"
bad "an offset beyond 64 bits" 'header[down]["data_offsets"][1] = 1 << 70' "bad/model.safetensors|"
bad "a header that is no JSON" 'header = b"{\"a\": "' "bad/model.safetensors|"
bad "integers where weights belong" 'header[down]["dtype"] = "I16"' "model.layers.1.mlp.down_proj.weight|I16"
bad "a type that is not supported" 'header[down]["dtype"] = "U16"' "down_proj|U16"
bad "a size that contradicts the type" 'header[down]["dtype"] = "F32"' "down_proj|"
bad "a missing tensor" 'header[down + "2"] = header.pop(down)' "model.layers.1.mlp.down_proj.weight|"
bad "a tensor of another shape" 'header[down]["shape"].reverse()' "down_proj|64|96"
bad "a config with another width" 'config["intermediate_size"] = 128' "model.layers.0.mlp|128|96"
bad "a config with more layers" 'config["num_hidden_layers"] = 3' "model.layers.2.|"
bad "an unknown architecture" 'config["architectures"] = ["MadeUpForCausalLM"]; config["model_type"] = "made_up"' "MadeUpForCausalLM|LlamaForCausalLM"
bad "a config without a size" 'del config["num_attention_heads"]' "config.json|num_attention_heads"
bad "a size that is no number" 'config["hidden_size"] = "wide"' "config.json|hidden_size"
bad "a weight that is NaN" 'put(down, float("nan"))' "model.layers.1.mlp.down_proj.weight|"
bad "a weight that is infinite" 'put(down, float("inf"))' "model.layers.1.mlp.down_proj.weight|"
bad "a NaN in the embeddings" 'put("model.embed_tokens.weight", float("nan"))' "|"

head -c 20 model/model.safetensors >short && cp -r model bad2 && mv short bad2/model.safetensors
refused "a header cut short" "bad2/model.safetensors|" quantize bad2
rm bad2/model.safetensors
refused "a folder without weights" "bad2|safetensors" quantize bad2
rm bad2/config.json
refused "a folder without config" "config.json" quantize bad2
cp -r model bad3
echo '{' >bad3/tokenizer.json
refused "a tokenizer.json cut short" "tokenizer.json" quantize bad3

for bytes in 3 23 1000 20000; do
  head -c $bytes good.gguf >cut.gguf
  refused "GGUF cut to $bytes bytes" "cut.gguf" quantize cut.gguf
done
head -c -1000 good.gguf >cut.gguf
refused "GGUF with a tensor beyond its end" "cut.gguf" quantize cut.gguf
{ printf 'GGUF\3\0\0\0'; head -c 8 /dev/zero | tr '\0' '\377'; tail -c +17 good.gguf; } >count.gguf
refused "GGUF with an impossible count" "count.gguf" quantize count.gguf
sed 's/general.architecture\(........\)\(....\)llama/general.architecture\1\2lambs/' good.gguf >other.gguf
LC_ALL=C sed -i 's/\(general\.architecture.\{12\}\)llama/\1lambs/' other.gguf
refused "GGUF of an unknown architecture" "lambs|llama" quantize other.gguf
echo "not a model" >text.gguf
refused "text named .gguf" "text.gguf" quantize text.gguf
: >empty.gguf
refused "an empty file" "empty.gguf" quantize empty.gguf

: >nothing.txt
refused "an empty calibration text" "nothing.txt is empty" "$libquant" quantize model -o q --group-size 32 --calibration nothing.txt
refused "an empty evaluation text" "nothing.txt is empty" "$libquant" eval model --text nothing.txt
echo "a few words" >few.txt
refused "too little calibration text" "tokens|fewer or shorter windows" "$libquant" quantize model -o q --group-size 32 --calibration few.txt

# A folder with somebody's files stays as it is.
mkdir mine && echo precious >mine/notes.txt
refused "an output folder in use" "mine is not empty" "$libquant" quantize model -o mine --method rtn --group-size 32
refused "an output folder in use, overwrite" "mine is not empty" "$libquant" quantize model -o mine --method rtn --group-size 32 --overwrite
[ "$(find mine -type f -exec cat {} +)" = precious ] || { echo "FAILED: the folder in use was touched"; failures=$((failures + 1)); }
refused "an output that is a file" "text.txt" "$libquant" quantize model -o text.txt --method rtn --group-size 32
refused "an output in a place that cannot be made" "text.txt/q" "$libquant" quantize model -o text.txt/q --method rtn --group-size 32

# A disk that fills up: a message, nothing that looks like a model, and the run goes on once there is room.
code=0
(ulimit -f 64 && quantize model) >out 2>err || code=$?
[ $code = 1 ] && grep -q '^libquant: .*\(File too large\|No space left\)' err || wrong "a full disk" "exit code $code"
for file in q/config.json q/model.safetensors q/quantize_report.json; do
  [ ! -e $file ] || wrong "a full disk" "left $file"
done
quantize model --resume >out 2>err || wrong "resumed after a full disk" "exit code $?"
"$libquant" inspect q >/dev/null || { echo "FAILED: the resumed result is no model"; failures=$((failures + 1)); }

[ $failures = 0 ] || exit 1
echo "all checks passed"
