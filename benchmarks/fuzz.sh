#!/usr/bin/env bash
# fuzz.sh OUT [PARSER|parsers|images|all] [COUNT]: COUNT more hostile inputs for each parser (1000 unless said), going on where OUT ends. Inputs are
# numbered and always the same; what must not be (a crash, a second without an answer, too much memory) is kept in OUT/findings, and the exit code is 1.
set -euo pipefail
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/run.sh" fuzz "${@:?give a folder for the results}"
