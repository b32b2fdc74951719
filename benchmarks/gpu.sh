#!/usr/bin/env bash
# Everything that is measured on a CUDA GPU, in under 8 minutes, where torch, numpy, jaxtyping and pytest
# are all there is: CPU = GPU tests, `bench` at its sizes (eager, compiled, graphed), memory.
#
#   bevdrive bench --prepare worlds.npz --agents 32 --maps DIR     # here
#   bash benchmarks/gpu.sh OUT worlds.npz                          # where the GPU is, in a copy of this folder
#
# OUT gets tests.txt, a JSON a workload, and summary.txt. A part that fails is named; the others go on.
# BEVDRIVE_DEVICE=cpu and BEVDRIVE_WORLDS="2" try the script without a GPU.
set -u
out=${1:?usage: gpu.sh OUT WORLDS.npz} worlds=${2:?usage: gpu.sh OUT WORLDS.npz}
device=${BEVDRIVE_DEVICE:-cuda}
mkdir -p "$out"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
failed=()

part() { # name, seconds, command...
  local name=$1 seconds=$2
  shift 2
  echo "== $name"
  timeout "$seconds" "$@" || failed+=("$name (exit $?)")
}

bench() { # name, seconds, workloads and options...
  local name=$1 seconds=$2
  shift 2
  part "$name" "$seconds" python3 -m drive.cli.bench --prepared "$worlds" --device "$device" \
    --out "$out/$name.json" "$@"
}

modes=(compiled)
[ "$device" = cpu ] || modes=(compiled graphed)
{
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null
  python3 -c "import torch; print('torch', torch.__version__)"
  part tests 110 python3 -m pytest -q -o addopts= -p no:cacheprovider \
    tests/test_cuda.py tests/sim/sensors/test_cuda.py
  bench eager 45 step raster observe lidar --worlds ${BEVDRIVE_WORLDS:-1024} --mode eager
  bench step 80 step --worlds ${BEVDRIVE_WORLDS:-1024 8192} --mode "${modes[@]}"
  bench metrics 90 step+metrics --worlds ${BEVDRIVE_WORLDS:-1024} --mode compiled
  bench sensors 90 raster observe lidar --worlds ${BEVDRIVE_WORLDS:-1024} --mode "${modes[@]}"
  if [ ${#failed[@]} -gt 0 ]; then printf 'FAILED: %s\n' "${failed[@]}"; else echo "every part ran"; fi
} 2>&1 | tee "$out/summary.txt"
