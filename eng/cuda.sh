#!/usr/bin/env bash
# cuda.sh publish DIR | door DIR [TORCH]: Espalier on the libtorch inside an installed torch Python package, for a GPU.
#   publish: where the .NET SDK is. A program that needs no .NET, and the sources of the native side, in DIR.
#   door:    where the GPU is; needs g++ and torch. Builds the native side in DIR, for the torch of "python3" or in the folder TORCH.
# Then: DIR/espalier train … --device cuda
# The native side includes no CUDA header and calls no CUDA function, so neither nvcc nor the CUDA toolkit is needed.
set -euo pipefail

say() { echo "cuda.sh: $*" >&2; }
die() { say "$*"; exit 1; }

[[ $# -ge 2 ]] || die "usage: cuda.sh publish DIR | door DIR [TORCH]"
what=$1 target=$2
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

publish() {
  local root=${here%/eng}
  mkdir -p "$target/native"
  dotnet publish "$root/src/Espalier.Cli" -c Release -r linux-x64 --self-contained -p:PublishSingleFile=false --nologo -v quiet -o "$target/program" >&2
  cp "$root"/native/*.cpp "$root"/native/*.h "$target/native/"
  cp "$here/cuda.sh" "$target/"
  cat >"$target/espalier" <<'LAUNCHER'
#!/usr/bin/env bash
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
[[ -e $here/program/libespalier_torch.so ]] || { echo "espalier: the native side is missing; build it here with: $here/cuda.sh door $here" >&2; exit 1; }
export LD_LIBRARY_PATH=$(<"$here/torch.lib")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
exec "$here/program/Espalier.Cli" "$@"
LAUNCHER
  chmod +x "$target/espalier" "$target/cuda.sh"
  say "published to $target; copy it to the machine with the GPU and run there: cuda.sh door DIR"
}

# The folder of the torch that python3 imports.
torch_folder() {
  python3 -c 'import importlib.util as u, os; s = u.find_spec("torch"); print(os.path.dirname(s.origin) if s else "")' 2>/dev/null
}

door() {
  local torch=${3:-$(torch_folder)} lib flags=() cxx=${CXX:-g++}
  command -v "$cxx" >/dev/null || die "no C++ compiler; install g++"
  [[ -n $torch ]] || die "python3 has no torch; install it (pip install torch) or name a folder: cuda.sh door DIR TORCH"
  [[ -e $torch/include/torch/csrc/autograd/autograd.h ]] || die "$torch holds no libtorch headers (include/torch)"
  lib=$torch/lib
  [[ -e $lib/libtorch_cpu.so ]] || lib=$torch/lib/x86_64-linux-gnu
  [[ -e $lib/libtorch_cpu.so ]] || die "$torch holds no libtorch (lib/libtorch_cpu.so)"
  local header major minor standard=17
  header=$(cat "$torch"/include/torch/version.h "$torch"/include/torch/csrc/api/include/torch/version.h 2>/dev/null || true)
  major=$(sed -n 's/^#define TORCH_VERSION_MAJOR //p' <<<"$header") minor=$(sed -n 's/^#define TORCH_VERSION_MINOR //p' <<<"$header")
  [[ -n $major && -n $minor ]] || die "$torch/include says no version (torch/version.h); is the installation complete?"
  if ((major < 2)); then standard=14; elif ((major > 2 || minor >= 10)); then standard=20; fi
  # The new ABI of strings is torch's default from 2.6 on; before, its wheels had the old one.
  if ! nm -DC "$lib/libc10.so" 2>/dev/null | grep '__cxx11' >/dev/null; then flags+=(-D_GLIBCXX_USE_CXX11_ABI=0); fi
  local libraries=(-ltorch -ltorch_cpu -lc10)
  # Nothing here names them, yet loading them is what makes the GPU's kernels known.
  if [[ -e $lib/libtorch_cuda.so ]]; then libraries+=(-ltorch_cuda -lc10_cuda); fi
  # Without OpenMP at::parallel_for runs on one thread.
  local common=(-O2 -fopenmp -fPIC -shared -fvisibility=hidden -std=c++$standard -DUSE_DISTRIBUTED -DUSE_C10D_GLOO "${flags[@]}"
    -I"$torch/include" -I"$torch/include/torch/csrc/api/include")
  local link=(-L"$lib" -Wl,--no-as-needed "${libraries[@]}" -Wl,-rpath,'$ORIGIN' -Wl,-rpath,"$lib")
  say "building against libtorch $major.$minor in $torch"
  # Kernels for a processor, one file for each instruction set, as in native/CMakeLists.txt.
  local kernels=$target/native/kernels objects=("$target"/native/kernels_{avx2,avx512,avx512_bf16}.o)
  kernel() { "$cxx" "${common[@]}" -O3 -Wno-uninitialized -Wno-maybe-uninitialized "${@:2}" -c "${kernels}_$1.cpp" -o "${kernels}_$1.o" || die "the kernels did not build; see above"; }
  kernel avx2 -mavx2 -mfma
  kernel avx512 -mavx512f
  kernel avx512_bf16 -mavx512f -mavx512bw -mavx512vl -mavx512bf16
  "$cxx" "${common[@]}" "$target"/native/{door,settings,operators,attention,gelu}.cpp "${objects[@]}" -o "$target/program/libespalier_torch.so" "${link[@]}" ||
    die "the door did not build; see above"
  rm "${objects[@]}"
  local gloo=${ESPALIER_GLOO:-$torch/include}
  if [[ -e $gloo/gloo/context.h ]]; then
    "$cxx" "${common[@]}" -I"$gloo" "$target/native/group.cpp" -o "$target/program/libespalier_group.so" "${link[@]}" || die "process groups did not build; see above"
  else
    say "no headers of Gloo in $gloo: one process alone (ESPALIER_GLOO names a folder with those of the Gloo that torch was built with)"
  fi
  echo "$lib" >"$target/torch.lib"
  "$target/espalier" --version >&2
}

case $what in
  publish) publish ;;
  door) door "$@" ;;
  *) die "usage: cuda.sh publish DIR | door DIR [TORCH]" ;;
esac
