#!/usr/bin/env bash
# Swin, MobileNetV2 and ResNet at small size, trained on Fashion-MNIST and compressed by a quarter of their MACs, by one resumable command: what is
# complete is skipped, what was stopped goes on.
#   benchmarks/families.sh OUT [SEEDS] [switches of every compression, e.g. --minutes 5 --threads 1]      SEEDS: default "0"; by default 10 minutes each
# The 10,000 test images are only scored; nothing is chosen by them.
set -euo pipefail
out=$1 seeds=${2:-0}
shift $(($# < 2 ? $# : 2))
[[ $# -gt 0 ]] || set -- --minutes 10
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
source "$root/benchmarks/resumable.sh"

family() { # name, architecture, how it is trained, methods
  local name=$1 net=$2 recipe=$3 seed method switches; shift 3
  # shellcheck disable=SC2086 # a recipe is several words
  finish "$out/$name" train "$net" --data fashion-mnist:train --eval fashion-mnist:test $recipe
  for method in "${methods[@]}"; do
    switches="--method ${method/ cnn/ --variant cnn}"
    for seed in $seeds; do
      # shellcheck disable=SC2086 # so are switches
      finish "$out/$name-${method// /-}-$seed" compress "$out/$name" --reduce-macs 25% $switches --images fashion-mnist:train -n 500 --eval fashion-mnist:test --seed "$seed" "${every[@]}"
    done
    # shellcheck disable=SC2086 # the seeds are several words
    python3 "$root/benchmarks/families-row.py" "$out" "$name" "${method// /-}" $seeds
  done
}

every=("$@")
echo "| network | method | minutes | MACs left | top-1 before | raw cut | repaired | after | points lost |"
echo "|---|---|---|---|---|---|---|---|---|"
methods=(dc-vit espalier)
family swin swin_micro_patch2_window7_28 "--epochs 8 --optimizer muon"
methods=("dc-vit cnn-drop" "dc-vit cnn-dense" magnitude fskd cd espalier)
family mobilenet fashion-mobilenet "--epochs 10"
family resnet fashion-resnet "--epochs 4"
