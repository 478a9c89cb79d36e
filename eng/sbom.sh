#!/usr/bin/env bash
# sbom.sh [FILE]: the software bill of materials (CycloneDX 1.5, JSON), from the lock files and what is installed of Debian's packages; on stdout, or in FILE.
set -euo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
if [[ $# -gt 0 ]]; then exec >"$1"; fi
exec /usr/bin/python3 "$root/eng/sbom.py" "$root"
