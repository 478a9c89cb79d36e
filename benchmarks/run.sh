#!/usr/bin/env bash
# run.sh train-step [pairs] [words a row must contain]: measures Espalier next to PyTorch. Sets up what is missing first.
set -euo pipefail

root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/benchmarks/*}
source "$root/eng/env.sh"
source "$root/eng/fresh.sh"
is_fresh tests || "$root/eng/setup.sh" tests
project=$root/benchmarks/Espalier.Benchmarks/Espalier.Benchmarks.csproj
dotnet build "$project" -c Release --nologo -v quiet -clp:NoSummary >&2

exec dotnet "$root/artifacts/bin/Espalier.Benchmarks/release/Espalier.Benchmarks.dll" "$@"
