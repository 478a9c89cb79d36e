#!/usr/bin/env bash
# audit.sh: asks the registries for known vulnerabilities of the packages that are shipped. Says what they answer, one line each; a registry that does not
# answer within a minute is said, too. Exits 1 only when there is a vulnerable package.
set -uo pipefail
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
found=0

nuget() {
  local said
  if ! said=$(timeout 60 dotnet list "$root/src/Espalier.Cli/Espalier.Cli.csproj" package --vulnerable --include-transitive --no-restore 2>/dev/null </dev/null); then
    echo "audit: NuGet packages not audited: the source of packages did not answer"
  elif grep -q 'has the following vulnerable packages' <<<"$said"; then
    grep -E '^ +> ' <<<"$said" | sort -u | sed 's/^ *> */audit: vulnerable NuGet package: /'
    found=1
  else
    echo "audit: no vulnerable NuGet package is known"
  fi
}

npm_packages() {
  local said status=0
  command -v npm >/dev/null || { echo "audit: npm packages of eng/$1 not audited: npm is missing"; return; }
  said=$(cd "$root/eng/$1" && timeout 60 npm audit --package-lock-only --json 2>/dev/null </dev/null) || status=$?
  if [[ $status == 0 ]]; then
    echo "audit: no vulnerable npm package is known in eng/$1"
  elif grep -q '"auditReportVersion"' <<<"$said"; then
    echo "audit: vulnerable npm packages in eng/$1; see: cd eng/$1 && npm audit --package-lock-only"
    found=1
  else
    echo "audit: npm packages of eng/$1 not audited: the registry did not answer"
  fi
}

nuget
npm_packages charts
npm_packages onnxruntime
exit $found
