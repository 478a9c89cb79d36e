#!/usr/bin/env bash
# coverage.sh [PROJECT...]: runs the tests (of all projects, or of those named) and says which share of the lines of src/ they reached.
# What runs in processes of its own (samples, the installed tool) is not counted.
set -euo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
source "$root/eng/env.sh"
results=$root/artifacts/coverage
rm -rf "$results"
projects=("$@")
[[ ${#projects[@]} -gt 0 ]] || projects=(Espalier.Torch.Tests Espalier.Models.Tests Espalier.Tests Espalier.Cli.Tests Espalier.Product.Tests)
for project in "${projects[@]}"; do
  dotnet test "$root/tests/$project" -c Release --nologo --collect "Code Coverage" --settings "$root/eng/coverage.runsettings" \
    --results-directory "$results/$project" </dev/null >&2 || echo "$project: not all of its tests passed" >&2
done
/usr/bin/python3 "$root/eng/coverage.py" "$results"/*/*/*.cobertura.xml
