# ONNX Runtime for "export --verify" and the tests: a package for Node.js that holds the binary. Sourced with $root set.

# Whether what eng/onnxruntime names is installed: the lock file is copied last.
has_onnxruntime() { cmp -s "$root/eng/onnxruntime/package-lock.json" "$root/artifacts/onnxruntime/package-lock.json"; }

# Returns 1, having said why, when it cannot be installed.
install_onnxruntime() {
  has_onnxruntime && return
  local log=$logs/npm.log target=$root/artifacts/onnxruntime fresh=$root/artifacts/onnxruntime.new
  say "installing the npm package onnxruntime-node"
  rm -rf "$fresh" "$target"
  mkdir -p "$fresh"
  cp "$root"/eng/onnxruntime/package*.json "$fresh"
  # Its install script would fetch CUDA libraries; the binary for the processor is in the package.
  if ! (cd "$fresh" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$log" 2>&1 </dev/null; then
    say "could not install onnxruntime-node (log: $log); check the network and npm's registry, and run again"
    return 1
  fi
  # Binaries for other systems are most of it.
  find "$fresh/node_modules/onnxruntime-node/bin" -mindepth 2 -maxdepth 3 -type d \
    \( -name darwin -o -name win32 -o -path '*/linux/arm64' \) -prune -exec rm -rf {} +
  mv "$fresh" "$target"
}
