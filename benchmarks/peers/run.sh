#!/usr/bin/env bash
# Other simulators on this machine, beside ours on the nearest equal work, one thread each:
#     bash benchmarks/peers/run.sh DIR        # DIR: where their environment goes (2 GB); kept for the next time
# A line for each of theirs: what was done, agents, agent-steps a second (median of five, and the range);
# then our table. Waymax is on no package registry, and MetaDrive downloads its models when it first runs.
# Run it from the repository's root on a machine that does nothing else.
set -euo pipefail

DIR=${1:?usage: bash benchmarks/peers/run.sh DIR}
export OMP_NUM_THREADS=1 PYTHONPATH=.
BEVDRIVE=${BEVDRIVE:-.venv/bin/bevdrive}

if [ ! -x "$DIR/bin/python" ]; then
    python3.11 -m venv "$DIR"
    "$DIR/bin/pip" install --quiet --no-compile torch==2.13.0
    "$DIR/bin/pip" install --quiet --no-compile highway-env==1.12.1 torchdrivesim==0.2.3
fi

"$DIR/bin/python" -m benchmarks.peers.highway
"$DIR/bin/python" -m benchmarks.peers.torchdrivesim
"$BEVDRIVE" bench step --worlds 1 64 --agents 32
