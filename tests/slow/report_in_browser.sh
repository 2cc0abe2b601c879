#!/usr/bin/env bash
# The audit's report in headless Chromium: an invented sweep full of hostile texts, and a real audit of the demonstration
# model against itself. Screenshots go to build/report_screenshots; somebody should look at them.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v chromium >/dev/null && ! bash cmake/install-packages.sh browser; then
  echo "SKIPPED: no chromium on this system"
  [ -z "${CI:-}" ]
  exit
fi

shots=build/report_screenshots
rm -rf "$shots"
mkdir -p "$shots"
python3 tests/tools/make_report_fixture.py >"$shots/fixture.json"
build/release/tests/tools/render_report "$shots/fixture.json" "$shots/fixture.html"
python3 tests/tools/check_report_page.py "$shots" "$shots/fixture.html"

[ -n "${LIBQUANT_MODEL:-}" ] || { echo "SKIPPED: a real report needs LIBQUANT_MODEL"; exit 0; }
build/release/bin/libquant audit --base "$LIBQUANT_MODEL" --quantized "$LIBQUANT_MODEL" --items 24 --formats answers \
  --probes examples/probes/*.jsonl --output "$shots/audit" >/dev/null
cp "$shots/audit/report.html" "$shots/unchanged.html"
python3 tests/tools/check_report_page.py "$shots" "$shots/unchanged.html"
