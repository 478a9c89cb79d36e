#!/usr/bin/env bash
# format.sh [--check]: brings all C# into the style .editorconfig asks for, or only says what differs (exit code 2).
# White space is left alone: tables in the sources are aligned by hand.
set -euo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
source "$root/eng/env.sh"
arguments=()
[[ ${1:-} != --check ]] || arguments+=(--verify-no-changes)
dotnet format style "$root/Espalier.slnx" --no-restore --severity warn "${arguments[@]}"
