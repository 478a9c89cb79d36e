#!/usr/bin/env bash
# The tables of docs/results/espalier.md, by one resumable command: a run whose folder is complete is skipped, one that was stopped goes on.
#   benchmarks/espalier-table.sh PART MODEL IMAGES EVAL OUT [SEEDS]      PART: goals, merged, merging or rivals; SEEDS: default "0 1 2"
# EVAL is only scored at the end of each run; nothing is chosen by it. MINUTES: of each run of goals, default 20, or of rivals, default 10.
set -euo pipefail
part=$1 model=$2 images=$3 eval=$4 out=$5 seeds=${6:-0 1 2}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
source "$root/benchmarks/resumable.sh"

run() { # name, switches...
  local name=$1 seed; shift
  for seed in $seeds; do
    local folder=$out/$name-$seed
    finish "$folder" compress "$model" --images "$images" --seed "$seed" "$@"
    [[ -f $folder.json ]] || { "$espalier" evaluate "$folder" --data "$eval" --against "$model" --quiet --json > "$folder.tmp" && mv "$folder.tmp" "$folder.json"; }
  done
  # shellcheck disable=SC2086 # the seeds are several words
  python3 "$root/benchmarks/espalier-row.py" "$out" "$name" "$*" $seeds
}

# The learning rate of the run, of several that differ in it alone, whose held-out KL is least.
closest() {
  python3 -c 'import json, sys; print("-".join(min(sys.argv[1:], key=lambda d: json.load(open(d + "/report.json"))["held_out_kl"]).split("-")[-3:-1]))' "$@"
}

header() {
  printf '\n%s\n\n' "$1"
  echo "| run | switches | minutes | MACs left | top-1 | points lost (95 %, paired) | agreement | KL | held-out agreement, repaired → end |"
  echo "|---|---|---|---|---|---|---|---|---|"
}

case $part in
  goals)
    header "Goals"
    minutes=${MINUTES:-20}
    run keep84 --keep-macs 0.84 -n 500 --minutes "$minutes"
    run keep76 --keep-macs 0.756778175 -n 500 --minutes "$minutes"
    run keep76-n50 --keep-macs 0.756778175 -n 50 --minutes "$minutes"
    run keep76-closed --keep-macs 0.756778175 -n 500 --steps 0
    run keep60 --keep-macs 0.60 -n 500 --minutes "$minutes" ;;
  merged)
    header "Tokens merged first, no gradient step"
    run merged84 --keep-macs 0.84 -n 500 --steps 0 --merge-tokens
    run merged76 --keep-macs 0.756778175 -n 500 --steps 0 --merge-tokens
    run merged76-n50 --keep-macs 0.756778175 -n 50 --steps 0 --merge-tokens
    run merged60 --keep-macs 0.60 -n 500 --steps 0 --merge-tokens ;;
  merging)
    header "Which blocks merge, equally many each, no search"
    for keep in 0.756778175 0.60; do
      for blocks in few middle every; do
        run "merging-$keep-$blocks" --keep-macs "$keep" -n 500 --steps 0 --merge-tokens --switch rounds=1 --switch "merging_blocks=$blocks"
      done
    done ;;
  rivals)
    # A rival's rate is the one whose network is closest to the teacher on training images that were not drawn, on the first seed.
    all=$seeds minutes=${MINUTES:-10}
    size=(--keep-macs 0.756778175 -n 500)
    header "$minutes minutes each, the rivals with each of three learning rates"
    seeds=${all%% *}
    for method in dc-vit drop-blocks; do
      for lr in 1e-4 2e-4 5e-4; do run "$method-$minutes-$lr" "${size[@]}" --minutes "$minutes" --method "$method" --lr "$lr"; done
    done
    dcvit=$(closest "$out"/dc-vit-"$minutes"-*-"$seeds") dropped=$(closest "$out"/drop-blocks-"$minutes"-*-"$seeds")
    header "$minutes minutes each, the rivals with their best rate, and DC-ViT with four times the minutes"
    seeds=$all
    run "espalier-$minutes" "${size[@]}" --minutes "$minutes"
    run "dc-vit-$minutes-$dcvit" "${size[@]}" --minutes "$minutes" --method dc-vit --lr "$dcvit"
    run "drop-blocks-$minutes-$dropped" "${size[@]}" --minutes "$minutes" --method drop-blocks --lr "$dropped"
    run "dc-vit-$((4 * minutes))-$dcvit" "${size[@]}" --minutes "$((4 * minutes))" --method dc-vit --lr "$dcvit" ;;
  *) echo "no part '$part'; there are goals, merged, merging and rivals" >&2; exit 2 ;;
esac
