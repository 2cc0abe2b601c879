#!/usr/bin/env bash
# The pictures of docs/reading_the_report.md: the demonstration model against two of its quantized forms, and a sweep over
# bit widths, on samples of the project's own probe set. Usage: bash docs/images/make_images.sh   (after the release build;
# some minutes). LIBQUANT_REPORT=report.html and LIBQUANT_SWEEP=report.html take the screenshots of reports that are there
# already.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
report=${LIBQUANT_REPORT:-$work/audit/report.html}
if [ -z "${LIBQUANT_REPORT:-}" ]; then
  libquant=build/release/bin/libquant
  model=$(bash examples/fetch_model.sh)
  for bits in 4 3; do
    "$libquant" quantize "$model" --output "$work/rtn-$bits-bit" --method rtn --bits "$bits" --group-size 64 >/dev/null
  done
  # 3: a limit is broken, 4: it could not be decided. Either makes a report.
  "$libquant" audit --base "$model" --quantized "$work/rtn-4-bit" "$work/rtn-3-bit" --probes examples/probes/libquant_questions.jsonl \
    --items 480 --formats answers --generations 3 --gate default --output "$work/audit" || [ $? -ge 3 ]
fi

sweep=${LIBQUANT_SWEEP:-$work/sweep/report.html}
[ -n "${LIBQUANT_SWEEP:-}" ] || build/release/bin/libquant sweep --model "$(bash examples/fetch_model.sh)" --items 240 \
  --probes examples/probes/libquant_questions.jsonl --formats answers --output "$work/sweep"

# NAME HEIGHT HIDDEN: the page without what the selector HIDDEN names. The copy has no security policy, which would refuse
# the additional style.
shot() {
  sed -e '/http-equiv="Content-Security-Policy"/d' -e "s|</head>|<style>$3 { display: none } body { padding-top: 20px; padding-bottom: 0 } h2 { margin-top: 12px }</style></head>|" \
    "$report" >"$work/page.html"
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars "--window-size=1000,$2" "--user-data-dir=$work/profile" \
    "--screenshot=docs/images/$1.png" "file://$work/page.html" >/dev/null 2>&1
  echo "docs/images/$1.png: $(stat -c %s "docs/images/$1.png") bytes"
}
detail='header, footer, #main > :not(#model-2), #model-2 >'
shot report_result 1170 none
shot report_emergence 700 'header, footer, #main > :not(#overview)'
shot report_shift 700 "$detail :not(h2):not(#model-2-shift)"
shot report_groups 900 "$detail :not(#model-2-groups)"
shot report_items 960 "$detail :not(.items)"
report=$sweep
shot report_dose 620 'header, footer, #main > :not(#overview), #overview > :not(#picture-dose)'
