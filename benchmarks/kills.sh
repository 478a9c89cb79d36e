#!/usr/bin/env bash
# Kills runs (SIGKILL) at random moments, resumes them, and compares what they leave with an unbroken run, byte for byte. Resumable.
#   benchmarks/kills.sh OUT [COUNT] [MINUTES]      COUNT: kills in all, default 200; MINUTES: stop after so long and go on with the same command
# OUT/kills.jsonl has a line for each kill, OUT/summary.md the table. Ends with 1 when a run came to something else than the unbroken one.
set -euo pipefail
out=$(mkdir -p "$1" && readlink -f "$1")
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

"$root/espalier" --version >&2
exec "$root/benchmarks/run.sh" kills "$out" "$root/artifacts/bin/Espalier.Cli/release/Espalier.Cli.dll" "${2:-200}" "${3:-100000}"
