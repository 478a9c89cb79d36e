# The environment native code needs; sourced with $root set. Managed code cannot set it: native code reads it at load time.

export ESPALIER_HOME=$root

# The openmp OpenBLAS obeys torch's thread count; the pthread one spins against torch's own threads (twice as slow).
# A library path selects it for this process only, without touching the system's alternatives.
export LD_LIBRARY_PATH=$root/artifacts/native:/usr/lib/x86_64-linux-gnu/openblas-openmp${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

# Waiting threads sleep instead of spinning: beside another busy process, spinning made a step on two threads several times slower.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}

# An inherited OPENBLAS_CORETYPE picks kernels for another processor: half the speed, other last bits.
export ESPALIER_DROPPED_CORETYPE=
if [[ -n ${OPENBLAS_CORETYPE:-} && ${ESPALIER_KEEP_CORETYPE:-} != 1 ]]; then
  ESPALIER_DROPPED_CORETYPE=$OPENBLAS_CORETYPE
  unset OPENBLAS_CORETYPE
fi

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
