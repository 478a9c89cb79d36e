# How the two sides are built. Sourced by setup.sh.

require_sdk() {
  has_command dotnet && dotnet --list-sdks 2>/dev/null | grep '^10\.' >/dev/null ||
    die "the .NET 10 SDK is missing; install it (package dotnet-sdk-10.0, or https://dot.net) and run again"
}

# ESPALIER_TORCH, else Debian's libtorch, else the one inside a Python package.
torch_prefix() {
  if [[ -n ${ESPALIER_TORCH:-} ]]; then readlink -f "$ESPALIER_TORCH"
  elif has_file "$debian_torch"; then echo /usr
  else python_torch; fi
}

build_native() {
  local log=$logs/native.log prefix
  has_file "$root/native/CMakeLists.txt" || return 0
  has_command g++ || has_command clang++ || die "no C++ compiler; install g++ and run again"
  prefix=$(torch_prefix)
  # A folder configured for another libtorch, or copied from elsewhere, is of no use.
  local mark="$prefix $root"
  if has_file "$debian_gloo"; then mark+=" gloo"; fi
  if [[ ! -e $logs/native.prefix || $(<"$logs/native.prefix") != "$mark" ]]; then rm -rf "$root/artifacts/native"; fi
  [[ -e $root/artifacts/native/libespalier_torch.so && -z $(find "$root/native" -newer "$root/artifacts/native/libespalier_torch.so" -print -quit) ]] && return
  say "building the native door against $prefix"
  { cmake -S "$root/native" -B "$root/artifacts/native" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$root/artifacts/native"; } >"$log" 2>&1 ||
    die "the native door did not build (log: $log); check the compiler and that $prefix holds a complete libtorch"
  touch "$root/artifacts/native/libespalier_torch.so"
  # Whatever was set up with another door is not set up any more.
  rm -f "$logs"/{app,tests}
  echo "$mark" >"$logs/native.prefix"
}

build_managed() {
  local log=$logs/dotnet.log project=$root/src/Espalier.Cli/Espalier.Cli.csproj
  [[ $1 == app ]] || project=$root/Espalier.slnx
  say "building"
  # Build servers outlive the build; with the lock in hand they would hold up the next set-up.
  (exec {lock}>&-; exec dotnet build "$project" -c Release --nologo -v quiet -clp:NoSummary >"$log" 2>&1 </dev/null) && return
  if grep -qE 'NU1301|NU1101|Unable to load the service index' "$log"; then
    die "could not restore NuGet packages (log: $log); check the network and the NuGet sources, and run again"
  fi
  grep 'error' "$log" | sort -u | head -5 || true
  die "the .NET side did not build (log: $log); undo the last edit, or fetch the sources anew"
}
