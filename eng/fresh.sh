# is_fresh WHAT: whether the set-up for WHAT (app, tests) is done and nothing it was built from has changed since.
# Sourced with $root set. Folders count too: their time changes when a file in them is removed.
is_fresh() {
  local stamp=$root/artifacts/setup/$1
  [[ -e $stamp && $(<"$stamp") == "torch=${ESPALIER_TORCH:-}" ]] || return 1
  local sources=("$root"/{src,native,eng,Directory.Build.props,Directory.Packages.props,global.json})
  if [[ $1 == tests ]]; then sources+=("$root"/{tests,samples,Espalier.slnx}); fi
  local newer
  newer=$(find "${sources[@]}" -newer "$stamp" -print -quit 2>/dev/null) || true
  [[ -z $newer ]]
}
