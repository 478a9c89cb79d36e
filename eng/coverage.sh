#!/usr/bin/env bash
# coverage.sh [arguments of ./test.sh]: runs the tests and says which share of the lines of src/ they reached.
# What runs in processes of its own (samples, the installed tool) is not counted.
set -euo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
"$root/test.sh" --collect "Code Coverage" --settings "$root/eng/coverage.runsettings" "$@" >&2 || echo "not all of the tests passed" >&2
/usr/bin/python3 "$root/eng/coverage.py" "$root"/artifacts/test-results/*/*.cobertura.xml
