#!/usr/bin/env bash
# Writes src/*/PublicApi.txt, the public surface the tests hold the assemblies to, anew. Look at the difference before committing it.
set -euo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
source "$root/eng/env.sh"
ESPALIER_WRITE_API=1 dotnet test "$root/tests/Espalier.Product.Tests" -c Release --nologo --filter FullyQualifiedName~PublicApiTests
git -C "$root" --no-pager diff --stat -- 'src/*/PublicApi.txt'
