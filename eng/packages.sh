# What the machine must have, and how to get it. Sourced by setup.sh.

# Each need is tested by what is used of it, not by a package's name, so that machines set up another way pass too.
has_command() { command -v "$1" >/dev/null; }
has_file() { [[ -e $1 ]]; }
has_library() { /sbin/ldconfig -p 2>/dev/null | grep -F "$1 " >/dev/null; }
has_python() { /usr/bin/python3 -c "import importlib.util as u, sys; sys.exit(u.find_spec('$1') is None)" 2>/dev/null; }

# The folder of the libtorch inside an installed Python package, if there is one with CMake files.
python_torch() {
  local python
  for python in python3 /usr/bin/python3; do
    "$python" - 2>/dev/null <<'PYTHON' && return
import importlib.util, os, sys
spec = importlib.util.find_spec("torch")
folder = os.path.dirname(spec.origin) if spec and spec.origin else None
if not folder or not os.path.exists(os.path.join(folder, "share/cmake/Torch/TorchConfig.cmake")):
    sys.exit(1)
print(folder)
PYTHON
  done
  return 1
}

debian_torch=/usr/lib/x86_64-linux-gnu/cmake/Torch/TorchConfig.cmake
debian_gloo=/usr/include/gloo/context.h

has_torch() {
  if [[ -n ${ESPALIER_TORCH:-} ]]; then
    has_file "$ESPALIER_TORCH/share/cmake/Torch/TorchConfig.cmake" || has_file "$ESPALIER_TORCH/cmake/Torch/TorchConfig.cmake" ||
      die "ESPALIER_TORCH=$ESPALIER_TORCH holds no libtorch (share/cmake/Torch/TorchConfig.cmake); give the folder of an unpacked libtorch or unset it"
    return 0
  fi
  has_file "$debian_torch" || python_torch >/dev/null
}

missing_packages() {
  if [[ $1 == browser ]]; then
    has_command chromium || echo chromium
    return 0
  fi
  if [[ $1 == group ]]; then
    # Debian's headers fit Debian's libtorch alone.
    [[ -n ${ESPALIER_TORCH:-} ]] || ! has_file "$debian_torch" || has_file "$debian_gloo" || echo libgloo-dev
    return 0
  fi
  if [[ $1 != app ]]; then
    has_command node || echo nodejs
    has_command npm || echo npm
  fi
  [[ $1 == app || $1 == tests ]] || return 0
  has_command g++ || has_command clang++ || echo g++
  has_command cmake || echo cmake
  has_command make || echo make
  has_torch || echo libtorch-dev
  has_file /usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3 || echo libopenblas0-openmp
  has_file /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz || echo dataset-fashion-mnist
  has_library libturbojpeg.so.0 || echo libturbojpeg0
  has_library libwebp.so.7 || echo libwebp7
  [[ $1 == tests ]] || return 0
  has_python torch || echo python3-torch
  has_python torchvision || echo python3-torchvision
  has_python PIL || echo python3-pil
  has_python numpy || echo python3-numpy
  has_python onnx || echo python3-onnx
}

install_missing() {
  has_torch || true # a wrong ESPALIER_TORCH ends the set-up here, not inside the list
  local packages
  mapfile -t packages < <(missing_packages "$1")
  [[ ${#packages[@]} -gt 0 ]] || return 0

  has_command apt-get || die "missing: ${packages[*]} (names as in Debian 12); install them with this system's package manager and run again"
  [[ $(id -u) == 0 ]] || die "missing: ${packages[*]}; run once as root, or: sudo apt-get install ${packages[*]}"
  say "installing Debian packages: ${packages[*]}"
  local log=$logs/apt.log
  # The package lists are refreshed only when there are none, or when they turn out to be too old.
  compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt_update "$log"
  apt_install "$log" "${packages[@]}" && return
  apt_update "$log"
  apt_install "$log" "${packages[@]}" ||
    die "could not install ${packages[*]} (log: $log); check the network and apt's sources, or install them by hand, and run again"
}

apt_update() { apt-get -q update >"$1" 2>&1 || true; }

apt_install() {
  local log=$1
  shift
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@" >"$log" 2>&1 </dev/null
}
