# Vega-Lite for the charts of reports: three scripts from npm become one packed file that the build embeds. Sourced with $root set.

# Whether what eng/charts names is there: the lock file is copied last.
has_charts() { cmp -s "$root/eng/charts/package-lock.json" "$root/artifacts/charts/package-lock.json"; }

# Returns 1, having said why, when it cannot be made.
install_charts() {
  has_charts && return
  local log=$logs/charts.log target=$root/artifacts/charts fresh=$root/artifacts/charts.new
  has_command npm || { say "npm is missing"; return 1; }
  say "installing the npm packages vega, vega-lite and vega-embed"
  rm -rf "$fresh"
  mkdir -p "$fresh" "$target"
  cp "$root"/eng/charts/package*.json "$fresh"
  if ! (cd "$fresh" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$log" 2>&1 </dev/null; then
    say "could not install vega-lite (log: $log); check the network and npm's registry"
    return 1
  fi
  bundle_charts "$fresh/node_modules" >"$fresh/charts.js.gz" || return 1
  mv "$fresh/charts.js.gz" "$target" && mv "$fresh/package-lock.json" "$target"
  rm -rf "$fresh"
}

# Reports are handed on, so the licences go with the scripts. In the order in which they need each other.
bundle_charts() {
  local package
  for package in d3-array vega vega-lite vega-embed; do
    printf '/*! %s %s\n' "$package" "$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$1/$package/package.json")"
    cat "$1/$package/LICENSE"
    printf '*/\n'
    [[ $package == d3-array ]] || sed '/^\/\/# sourceMappingURL/d' "$1/$package/build/$package.min.js"
  done | gzip -9n
}
