#!/usr/bin/env bash
# speed.sh MODEL IMAGES [COMPRESSED] [PAIRS]: the tables of docs/results/speed.md, one after another, next to PyTorch on this machine. Wants it quiet.
# MODEL: a ViT-Ti; COMPRESSED: a network made from it, whose speed-up is measured.
set -euo pipefail
model=$1 images=$2 compressed=${3:-} pairs=${4:-5}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
run=$root/benchmarks/run.sh

table() { # name, arguments...
  printf '\n## %s\n\n' "$1"
  "$run" "$@"
}

table train-step "$pairs"
table few-shot "$images" "$pairs"
table gemm "$pairs"
table step-memory
table processes "$pairs"
table finetune-ways "$model" "$images" 200

printf '\n## bench\n\n| batch | threads | speed-up, median | 10th to 90th percentile |\n|---:|---:|---:|---|\n'
[[ -n $compressed ]] && for batch in 1 64; do
  for threads in 1 2; do
    "$root/espalier" bench "$compressed" --against "$model" --batch $batch --threads $threads --runs $((batch == 1 ? 60 : 6)) --json --quiet \
      | python3 -c 'import json, sys; s = json.load(sys.stdin)["speedup"]; print("| %s | %s | %.2f | %.2f-%.2f |" % (*sys.argv[1:], s["median"], s["p10"], s["p90"]))' $batch $threads
  done
done

printf '\n## start\n\n'
for _ in 1 2 3 4 5; do
  begun=$EPOCHREALTIME
  "$root/espalier" inspect fashion-vit > /dev/null
  python3 -c 'import sys; print("espalier inspect: %.2f s" % (float(sys.argv[2]) - float(sys.argv[1])))' "$begun" "$EPOCHREALTIME"
done
