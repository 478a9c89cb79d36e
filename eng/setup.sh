#!/usr/bin/env bash
# setup.sh app|tests|charts|native|onnxruntime: installs what is missing, builds the native door, builds the .NET side; tries once more what charts
# need; or builds the door alone; or installs ONNX Runtime alone.
# Says everything on stderr.
# Safe to run twice at once: the second waits for the first. Failures are one line that says what to do.
set -euo pipefail
exec 1>&2

what=${1:-app}
root=$(readlink -f "${BASH_SOURCE[0]}")
root=${root%/eng/*}
logs=$root/artifacts/setup

say() { echo "espalier: $*"; }
die() { say "$*"; exit 1; }

[[ $(uname -sm) == "Linux x86_64" && -e /lib64/ld-linux-x86-64.so.2 ]] ||
  die "this system ($(uname -sm)) is not supported; use 64-bit x86 Linux with glibc, such as Debian 12"
mkdir -p "$logs" 2>/dev/null || die "cannot write $logs; make the folder of Espalier writable for $(id -un)"

# Headers that several processes (--nproc) need; one alone works without.
install_group() {
  (install_missing group) || say "several processes (--nproc) will not work: install libgloo-dev and run again"
}

source "$root/eng/fresh.sh"
source "$root/eng/node.sh"
source "$root/eng/charts.sh"
exec {lock}>"$logs/lock"
flock -n "$lock" || { say "waiting for another set-up to finish"; flock "$lock"; }
if [[ $what == onnxruntime ]]; then
  source "$root/eng/packages.sh"
  install_missing onnxruntime
  install_onnxruntime
  exit
fi
if [[ $what == native ]]; then
  source "$root/eng/packages.sh"
  source "$root/eng/build.sh"
  install_missing app
  install_group
  build_native
  exit
fi
if [[ $what == charts ]]; then
  what=app
  has_charts || rm -f "$logs/app"
fi
if is_fresh "$what"; then exit 0; fi

# The stamp gets the time at which the build began, so that a file saved meanwhile is seen next time.
begun=$logs/$what.begun
echo "torch=${ESPALIER_TORCH:-}" >"$begun"

source "$root/eng/packages.sh"
source "$root/eng/build.sh"

require_sdk
install_missing "$what"
install_group
build_native
# A run does not fail for want of pictures: without npm, or without its registry, reports hold the tables alone.
(install_missing charts && install_charts) || say "reports will have no charts, only tables; eng/setup.sh charts tries again"
build_managed "$what"
if [[ $what == tests ]]; then
  # The set-up for the tests includes the program's.
  cp -p "$begun" "$logs/app"
  (install_missing browser) || say "tests that open a report in a browser will be skipped"
  # Without a stamp the next run tries again.
  install_onnxruntime || { say "tests that need ONNX Runtime will be skipped"; exit 0; }
fi
mv "$begun" "$logs/$what"
