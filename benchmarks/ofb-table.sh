#!/usr/bin/env bash
# The OFB table on Fashion-MNIST, by one resumable command: a row that is done is skipped, one that was stopped goes on.
#   benchmarks/ofb-table.sh OUT [SEEDS] [switches of every row, e.g. --images 2000 --epochs 3 --threads 2]      SEEDS: default "0 1 2"
# A: OFB. B: its sizes, random units. C: random sizes of equal cost (ten draws), D: uniform sizes, both by magnitude. E: importance first, sizes afterwards.
# F: A's sizes from scratch. B to D are cut from the dense network and train for as many epochs as A searches and recovers. T0: rankings without training.
set -euo pipefail
out=$1 seeds=${2:-0 1 2}
shift $(($# < 2 ? $# : 2))
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

# Every row is a process of its own, and builds what was edited since the one before: leave the sources alone meanwhile.
row() { "$root/benchmarks/run.sh" ofb "$@"; }

mkdir -p "$out"
row dense --out "$out" --keep 1 "${@}"
for seed in $seeds; do
  for arm in A B C D E F; do row "$arm" --out "$out" --seed "$seed" --keep 0.5 "$@"; done
  for arm in A C D; do row "$arm" --out "$out" --seed "$seed" --keep 0.3 "$@"; done
  for arm in no-pmim whole-one-hot late-one-hot no-variance lambda-0.99 lambda-0.1 fast-importance fixed-embed search_share=0.3 search_share=0.5 search_share=0.5,pmim=no official T0 T0-fast; do row "$arm" --out "$out" --seed "$seed" --keep 0.5 "$@"; done
done
for draw in 10 11 12 13 14 15 16; do row C --out "$out" --seed "$draw" --keep 0.5 "$@"; done
"$root/benchmarks/run.sh" ofb table --out "$out"
