#!/usr/bin/env bash
# Chooses the finetuning defaults of dc-vit for short runs: one and two compressed blocks of a ViT-Ti, equal time for every setting, judged
# on training images that were not drawn (feature MSE and agreement with the teacher). Validation images are not touched.
#   benchmarks/dcvit-defaults.sh MODEL IMAGES OUT [MINUTES]      resumable: a setting whose folder is complete is skipped
set -euo pipefail
model=$1 images=$2 out=$3 minutes=${4:-1.5}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
source "$root/benchmarks/resumable.sh"

run() { # name, target and order, switches...
  local name=$1 structure=$2; shift 2
  # shellcheck disable=SC2086 # the structure is several words
  finish "$out/$name" compress "$model" $structure --method dc-vit --images "$images" -n 500 --metric-set images --minutes "$minutes" "$@"
  python3 - "$out/$name/report.json" "$name" "$*" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
cut, end = report["stages"][0], report["stages"][-1]
print(f"| {sys.argv[2]} | `{sys.argv[3]}` | {end.get('steps')} | {end['held_out_mse'] / cut['held_out_mse']:.3f} | {end['held_out_agreement']:.2f} | {report['held_out_kl']:.3f} |", flush=True)
PY
}

header() {
  printf '\n%s\n\n' "$1"
  echo "| setting | switches | steps of the last finetune | held-out MSE left of the cut's | agreement | KL |"
  echo "|---|---|---|---|---|---|"
}

one="--keep-macs 0.9392 --order 4"
header "One block, block 4"
run paper "$one" --lr 3e-5 --batch 64 --feature pre_gap --augment full
run lr5e-4 "$one" --lr 5e-4 --batch 32 --feature pre_gap --augment full
run lr1e-3 "$one" --lr 1e-3 --batch 32 --feature pre_gap --augment full
run lr5e-4-crop "$one" --lr 5e-4 --batch 32 --feature pre_gap --augment crop
run middle-crop "$one" --lr 5e-4 --batch 32 --feature middle_block --augment crop
run middle-1e-3 "$one" --lr 1e-3 --batch 32 --feature middle_block --augment crop
run middle-b16 "$one" --lr 5e-4 --batch 16 --feature middle_block --augment crop

two="--keep-macs 0.8783 --order 1,10"
header "Two blocks, an early and a late one"
run two-middle-5e-4 "$two" --lr 5e-4 --batch 16 --feature middle_block --augment crop
run two-pre-5e-4 "$two" --lr 5e-4 --batch 16 --feature pre_gap --augment crop
run two-pre-2e-4 "$two" --lr 2e-4 --batch 16 --feature pre_gap --augment crop
