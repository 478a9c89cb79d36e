#!/usr/bin/env bash
# What each part of the closed-form repair is worth, without a gradient step and without a search: one uniform structure, repaired with one
# setting changed at a time; judged on training images that were not drawn. About a minute a row on two cores; resumable.
#   benchmarks/espalier-closed.sh MODEL IMAGES OUT [N]
set -euo pipefail
model=$1 images=$2 out=$3 n=${4:-250}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
espalier=${ESPALIER:-$root/espalier}
mkdir -p "$out"

run() { # name, switches...
  local name=$1; shift
  if [[ ! -f $out/$name/report.json ]]; then
    "$espalier" compress "$model" --keep-macs 0.756778175 --images "$images" -n "$n" --steps 0 --quiet --json --force -o "$out/$name" \
      --switch rounds=1 "$@" > "$out/$name.json"
  fi
  python3 - "$out/$name/report.json" "$name" "$*" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
end = report["stages"][-1]
print(f"| {sys.argv[2]} | `{sys.argv[3]}` | {100 * end['held_out_agreement']:.0f} % | {end['held_out_kl']:.3f} | {end['held_out_mse']:.2f} | {report['seconds']:.0f} |", flush=True)
PY
}

echo "| setting | switches | agreement | KL | feature MSE | seconds |"
echo "|---|---|---|---|---|---|"
run base --switch crops=0
run crops-2 --switch crops=2
run crops-6 --switch crops=6
run left-out --switch crops=0 --switch strength=left_out
run equal-tokens --switch crops=0 --switch weigh_tokens=off
run strength-0.1 --switch crops=0 --switch strength=0.1
run no-query-key --switch crops=0 --switch query_key=off
run random-units --switch crops=0 --switch units=random
run strength-10 --switch crops=0 --switch strength=10
run no-repair --switch crops=0 --switch repair=off
run variance-units --switch crops=0 --switch units=variance
run cut-only --switch crops=0 --switch refit_whole=off
run strength-0.001 --switch crops=0 --switch strength=0.001
