#!/usr/bin/env bash
# format.sh [--check] [PROJECT]: brings C# into the style .editorconfig asks for, or only says what differs (exit code 2); all of it, or that of one project.
# White space is left alone: tables in the sources are aligned by hand.
set -euo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
source "$root/eng/env.sh"
arguments=()
if [[ ${1:-} == --check ]]; then
  arguments+=(--verify-no-changes)
  shift
fi
what=${1:-$root/Espalier.slnx}
dotnet restore "$what" --verbosity quiet
dotnet format style "$what" --no-restore --severity warn "${arguments[@]}"
