#!/usr/bin/env bash
# mutate.sh OUT COUNT TESTS FILTER FILE...: what small changes to the given files the tests do not notice; see eng/mutate.py. Goes on with OUT if it is there.
# Example: eng/mutate.sh artifacts/mutants.json 20 Espalier.Models.Tests FullyQualifiedName~VitCost src/Espalier.Models/Vit/VitCost.cs
set -euo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
cd "$root"
source "$root/eng/env.sh"
git diff --quiet -- "${@:5}" || { echo "commit the files first: they are changed and put back" >&2; exit 2; }
dotnet build "tests/$3" -c Release --nologo -v quiet
exec /usr/bin/python3 "$root/eng/mutate.py" "$@"
