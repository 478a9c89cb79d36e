#!/usr/bin/env bash
# Does the set-up, then runs the whole suite, one project after another. Arguments go to "dotnet test", e.g. --filter FullyQualifiedName~Macs.
# The last line reads "N passed, M failed, K skipped"; exits 1 when a test failed or a project did not finish.
set -euo pipefail

root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/*}
source "$root/eng/env.sh"
source "$root/eng/fresh.sh"
is_fresh tests || "$root/eng/setup.sh" tests

results=$root/artifacts/test-results
rm -rf "$results"
passed=0 failed=0 skipped=0

for project in "$root"/tests/*/*.csproj; do
  name=$(basename "$project" .csproj)
  trx=$results/$name.trx
  status=0
  dotnet test "$project" -c Release --no-build --nologo --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
    --results-directory "$results" "$@" </dev/null || status=$?
  if [[ -e $trx ]]; then
    read -r p f s < <(awk -f "$root/eng/count.awk" "$trx")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [[ $status == 0 || $f != 0 ]] || { failed=$((failed + 1)); echo "$name: ended with exit code $status although no test failed"; }
  elif [[ $status != 0 ]]; then
    failed=$((failed + 1))
    echo "$name: ended with exit code $status before it reported its tests"
  fi
done

for trx in "$results"/*.trx; do
  [[ -e $trx ]] && awk -v list=1 -f "$root/eng/count.awk" "$trx"
done

# Only what a registry knows to be vulnerable is said; whether it answers or not, the tests decide.
"$root/eng/audit.sh" || true

echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed == 0 ]]
