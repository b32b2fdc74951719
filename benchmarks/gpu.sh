#!/usr/bin/env bash
# Everything that is measured on a CUDA GPU, in under 8 minutes, where torch, numpy, jaxtyping and pytest
# are all there is: CPU = GPU tests, `bench` at its sizes (eager, compiled, graphed), memory. With a store,
# lightning, tensorboard, safetensors and pyyaml: inference of the shipped networks, and preset `base` of a task
# for the time that is left.
#
#   bevdrive bench --prepare worlds.npz --agents 32 --maps DIR     # here
#   bevdrive collect --benchmark interactive-train --count 500 --out store
#   bash benchmarks/gpu.sh OUT worlds.npz [store [joint]]          # where the GPU is, in a copy of this folder
#
# The tests make scenarios, which takes scipy and shapely as well; without these they are left out.
# OUT gets log.txt, a JSON for each benchmark and summary.txt. A part that fails or takes too long is named,
# what it measured until then is kept, and the others go on. The exit code is 1 if any failed.
# BEVDRIVE_DEVICE=cpu and BEVDRIVE_WORLDS="2" try the script without a GPU.
set -u
usage="usage: gpu.sh OUT WORLDS.npz [STORE [TASK]]"
out=${1:?$usage} worlds=${2:?$usage} store=${3:-} task=${4:-joint}
device=${BEVDRIVE_DEVICE:-cuda}
deadline=$((SECONDS + 460))
mkdir -p "$out"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
failed=()

part() { # name, seconds, command...
  local name=$1 limit=$2 left=$((deadline - SECONDS))
  shift 2
  echo "== $name"
  if [ "$left" -lt 10 ]; then
    failed+=("$name: no time was left")
    return
  fi
  timeout "$((limit < left ? limit : left))" "$@"
  case $? in
    0) ;;
    124) failed+=("$name: cut off when its time was over") ;;
    *) failed+=("$name: failed") ;;
  esac
}

bench() { # name, seconds, options as NAME=VALUE...
  local name=$1 seconds=$2
  shift 2
  part "$name" "$seconds" python3 -m drive.cli.bench prepared="$worlds" device="$device" \
    out="$out/$name.json" "$@"
}

everything() {
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null
  python3 -c "import torch; print('torch', torch.__version__)"
  if python3 -c "import scipy, shapely" 2>/dev/null; then
    part tests 110 python3 -m pytest -q -o addopts= -p no:cacheprovider \
      tests/test_cuda.py tests/sim/sensors/test_cuda.py
  else
    echo "== tests are left out: scipy or shapely is missing"
  fi
  bench eager 45 what=step,raster,observe,lidar worlds="${BEVDRIVE_WORLDS:-1024}" mode=eager
  bench step 120 what=step worlds="${BEVDRIVE_WORLDS:-1024,8192}" mode="$modes"
  bench metrics 90 what=step+metrics worlds="${BEVDRIVE_WORLDS:-1024}" mode=compiled
  bench sensors 120 what=raster,observe,lidar worlds="${BEVDRIVE_WORLDS:-1024}" mode="$modes"
  [ -z "$store" ] || learning
  if [ ${#failed[@]} -gt 0 ]; then printf 'FAILED %s\n' "${failed[@]}"; else echo "every part ran"; fi
}

learning() {
  part inference 60 python3 benchmarks/learning.py inference --data "$store" --device "$device"
  local minutes=$(((deadline - SECONDS - 30) / 60))
  part training 480 python3 benchmarks/learning.py train "$task" --data "$store" --device "$device" \
    --preset "${BEVDRIVE_PRESET:-base}" --minutes "$minutes" --out "$out/train"
  rm -rf "$out"/train/*/checkpoints "$out"/train/*/tensorboard
}

modes=compiled
[ "$device" = cpu ] || modes=compiled,graphed
everything 2>&1 | tee "$out/log.txt"
echo "== summary"
grep -E '^(NVIDIA|torch|what  |network |joint |intention |cover |occupancy |[0-9]+ examples|step |== tests are|[0-9]+ (passed|failed|skipped)|FAILED|every part|[^ ]+ +(eager|compiled|graphed) )' \
  "$out/log.txt" | awk '!seen[$0]++' | tee "$out/summary.txt"
! grep -q '^FAILED' "$out/summary.txt"
