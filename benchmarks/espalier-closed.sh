#!/usr/bin/env bash
# What each part of the closed-form repair is worth, without a gradient step and without a search: one uniform structure, repaired with one
# setting changed at a time; judged on training images that were not drawn. About a minute a row on two cores; resumable.
#   benchmarks/espalier-closed.sh MODEL IMAGES OUT [N]
set -euo pipefail
model=$1 images=$2 out=$3 n=${4:-250}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
source "$root/benchmarks/resumable.sh"

run() { # name, switches...
  local name=$1; shift
  finish "$out/$name" compress "$model" --keep-macs 0.756778175 --images "$images" -n "$n" --steps 0 --switch rounds=1 "$@"
  python3 - "$out/$name/report.json" "$name" "$*" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
end = report["stages"][-1]
print(f"| {sys.argv[2]} | `{sys.argv[3]}` | {100 * end['held_out_agreement']:.0f} % | {end['held_out_kl']:.3f} | {end['held_out_mse']:.2f} | {report['seconds']:.0f} |", flush=True)
PY
}

echo "| setting | switches | agreement | KL | feature MSE | seconds |"
echo "|---|---|---|---|---|---|"
run base
run one-regression --switch strength=1
run one-regression-plain-metric --switch strength=1 --switch weigh_channels=off
run whole-correction --switch correction_share=1
run no-correction --switch correction_share=0
run crops-2 --switch crops=2
run plain-metric --switch weigh_channels=off
run equal-tokens --switch weigh_tokens=off
run random-units --switch units=random
run variance-units --switch units=variance
run compensation-1 --switch compensation=1
run compensation-0.01 --switch compensation=0.01
run correction-3 --switch correction=3
run correction-0.3 --switch correction=0.3
run left-out --switch strength=left_out
run no-query-key --switch query_key=off
run cut-only --switch refit_whole=off
run no-repair --switch repair=off
