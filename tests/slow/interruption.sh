#!/usr/bin/env bash
# Kills a run of the demonstration model (SIGKILL) at ten moments spread evenly over its work, resumes it, and compares every
# file with those of a run that was left alone; then once more for each phase that no moment met, and by SIGINT, which
# must end with 130 and say how to go on. Prints which phase each kill met.
set -euo pipefail
cd "$(dirname "$0")/../.."
libquant=$PWD/build/release/bin/libquant
model=$(bash examples/fetch_model.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

command=("$libquant" quantize "$model" --calibration examples/calibration/*.txt --windows 4 --window 256 --bits 4
  --group-size 64 --clip-steps 4 --dense-type f16 --format compressed-tensors --format gguf --progress)
# Reports hold timings; all other files must be the same.
hashes() { (cd "$1" && find . -type f ! -name quantize_report.json -print0 | sort -z | xargs -0 sha256sum); }
phases=(starting checking attention quantizing MLP writing verifying)
# A line of progress, reduced to one of the phases.
phase_of() {
  case $1 in
    *quantizing*) phase=quantizing ;;
    *attention* | *"inputs of"*) phase=attention ;;
    *MLP*) phase=MLP ;;
    *writing*) phase=writing ;;
    *verifying*) phase=verifying ;;
    *checking*) phase=checking ;;
    *) phase=starting ;; # nothing is printed yet: model, calibration text, probe
  esac
}

# watch MOMENT SIGNAL DELAY PID: reads progress from standard input until it ends; DELAY seconds after MOMENT, a percentage
# or a phase, PID gets the signal. Leaves the last line in $line and its phase in $phase.
watch() {
  local text percent sent=
  line="nothing printed yet" phase=starting
  [ "$1" != starting ] || { sleep "$3"; kill -s "$2" "$4"; sent=1; }
  while IFS= read -r text; do
    echo "$text" >>"$work/progress"
    [[ $text == \[* ]] || continue
    line=$text
    phase_of "$text"
    percent=${text#[}
    percent=${percent%%%*}
    if [ -z "$sent" ] && { [ "$1" = "$phase" ] || { [[ $1 =~ ^[0-9]+$ ]] && [ "$percent" -ge "$1" ]; }; }; then
      sleep "$3"
      kill -s "$2" "$4" 2>/dev/null || true
      sent=1
    fi
  done
}

"${command[@]}" --output "$work/alone" >"$work/out" 2>"$work/progress"
hashes "$work/alone" >"$work/expected"
echo "left alone: $(grep '^time' "$work/out"), $(wc -l <"$work/expected") files"

mkfifo "$work/pipe"
met=()
# interrupted NAME SIGNAL MOMENT DELAY
interrupted() {
  local code=0 run line phase kept verdict=ok
  rm -rf "$work/killed" "$work/progress"
  "${command[@]}" --output "$work/killed" >"$work/out" 2>"$work/pipe" &
  run=$!
  watch "$3" "$2" "$4" $run <"$work/pipe"
  wait $run 2>/dev/null || code=$?
  met+=("$phase")
  if [ "$2" = KILL ] && [ $code != 137 ]; then
    verdict="FAILED (exit code $code, expected 137)"
  elif [ "$2" = INT ] && { [ $code != 130 ] || ! grep -q -e --resume "$work/progress"; }; then
    verdict="FAILED (exit code $code, expected 130 and a word about --resume)"
  elif ! "${command[@]}" --output "$work/killed" --resume >"$work/out" 2>"$work/progress"; then
    verdict="FAILED (resume: $(tail -n 1 "$work/progress"))"
  elif ! hashes "$work/killed" | cmp -s - "$work/expected"; then
    verdict="FAILED (files differ)"
  elif [ -e "$work/killed/.libquant-work" ]; then
    verdict="FAILED (work folder left behind)"
  fi
  kept=$(sed -n 's/.*; [0-9]* layers, \([0-9]*\) of .*/\1/p' "$work/out")
  printf '%-26s phase %-10s %-52s %2s blocks kept  %s\n' "$1" "$phase" "${line%,*left}" "${kept:-0}" "$verdict"
  [ "$verdict" = ok ] || failed=$((failed + 1))
}

for i in 0 1 2 3 4 5 6 7 8 9; do
  interrupted "SIGKILL at $((10 * i + 5)) %" KILL $((10 * i + 5)) 0.0$i
done
for wanted in "${phases[@]}"; do
  [[ " ${met[*]} " == *" $wanted "* ]] || interrupted "SIGKILL while $wanted" KILL "$wanted" 0.01
done
for wanted in "${phases[@]}"; do
  [[ " ${met[*]} " == *" $wanted "* ]] || { echo "FAILED: no kill met the phase $wanted"; failed=$((failed + 1)); }
done
interrupted "SIGINT at 50 %" INT 50 0.02
interrupted "SIGINT while writing" INT writing 0
[ $failed = 0 ]
