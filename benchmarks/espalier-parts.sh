#!/usr/bin/env bash
# What each part of espalier is worth, judged on training images that were not drawn: one uniform structure, one setting changed at a time. Resumable.
#   benchmarks/espalier-parts.sh closed MODEL IMAGES OUT        the closed-form repair, 250 images, no gradient step; some two minutes of a core a row
#   benchmarks/espalier-parts.sh finetune MODEL IMAGES OUT      the finetune after it, 100 images, 200 steps of batch 8; some five
set -euo pipefail
part=$1 model=$2 images=$3 out=$4
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
source "$root/benchmarks/resumable.sh"

run() { # name, switches...
  local name=$1; shift
  finish "$out/$name" compress "$model" --keep-macs 0.756778175 --images "$images" "${effort[@]}" --switch rounds=1 "$@"
  row "$name" "$name" -1 "$*"
}

row() { # title, name of the run, which of its stages, switches
  python3 - "$out/$2/report.json" "$1" "$3" "$4" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
stage = report["stages"][int(sys.argv[3])]
print(f"| {sys.argv[2]} | `{sys.argv[4]}` | {100 * stage['held_out_agreement']:.0f} % | {stage['held_out_kl']:.3f} | {stage['held_out_mse']:.2f} | {report['seconds']:.0f} |", flush=True)
PY
}

echo "| setting | switches | agreement | KL | feature MSE | seconds |"
echo "|---|---|---|---|---|---|"
case $part in
  closed)
    effort=(-n 250 --steps 0)
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
    run no-repair --switch repair=off ;;
  finetune)
    effort=(-n 100 --steps 200 --batch 8)
    run base
    run blended --switch blend=on
    row repaired base -2 "before the finetune"
    run with-answers --switch logits=1
    run answers-alone --switch features=0 --switch logits=1
    run no-mix --switch mix=0
    run last-feature --switch feature_every=0
    run no-ema --switch ema=0
    run muon --switch optimizer=muon
    run refit-after --switch refit=0.2
    run pull --switch pull=0.001
    run no-repair --switch repair=off
    run synthetic-inputs --switch synthetic_inputs=on --metric-set synthetic ;;
  *) echo "no part '$part'; there are closed and finetune" >&2; exit 2 ;;
esac
