"""What a million simulated kilometres cost, by planner, each of which drives the same scenarios.

    python benchmarks/costs.py --count 64 --planners constant_velocity idm pdm p3 social [--device cuda]

Kilometres are the ego's, as driven; its scenario is simulated, scored and recorded whole. Time is that of all
cores together, with a GPU that on the clock. What a run of one short scenario takes, start and report,
is taken off: it does not grow with the distance.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CORE_HOUR_USD, GPU_HOUR_USD = 0.04, 3.0  # about what clouds ask
_START = ["--scenario", "straight-val-0-000000", "--duration-s", "1", "--batch-size", "1"]


def run_seconds(words: list[str], planner: str, out: Path, name: str, device: str) -> float:
    """Of one run of `bevdrive simulate`: its processor time; on a GPU, that on the clock."""
    begin, begin_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "drive.cli.main", "simulate", *words, "--planner", planner]
    command += f"--replan 0.5 --videos 0 --out {out} --name {name} --device {device}".split()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode > 1:
        raise SystemExit(f"{planner}: exit code {done.returncode}")
    if device != "cpu":
        return time.perf_counter() - begin_s
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def kilometres(run: Path) -> tuple[float, float]:
    """Driven by the ego in all drives of a run; hours simulated."""
    from eval.runs.drive_record import DriveRecord
    from sim.scenario import EGO

    driven_m = simulated_s = 0.0
    for path in run.glob("drives/*/*.npz"):
        record = DriveRecord.load(path)
        step_m = np.linalg.norm(np.diff(record.pose[:, EGO, :2], axis=0), axis=-1)
        driven_m += float(step_m[record.valid[1:, EGO]].sum())
        simulated_s += record.dt_s * (len(record.pose) - 1)
    return driven_m / 1000, simulated_s / 3600


def main() -> None:
    """A row of each planner."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmark", default="interactive")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--planners", nargs="+", default=["constant_velocity", "idm", "pdm"])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    price, unit = (CORE_HOUR_USD, "core") if options.device == "cpu" else (GPU_HOUR_USD, "GPU")
    words = ["--benchmark", options.benchmark, "--count", str(options.count)]
    words += ["--batch-size", str(options.batch_size)]
    print(
        f"| planner | km | times real time | {unit}-hours a million km | USD |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        for planner in options.planners:
            start_s = run_seconds(_START, planner, out, f"start-{planner}", options.device)
            work_s = run_seconds(words, planner, out, planner, options.device) - start_s
            driven_km, simulated_h = kilometres(out / planner)
            hours = work_s / 3600 / driven_km * 1e6
            print(
                f"| {planner} | {driven_km:.1f} | {simulated_h * 3600 / work_s:.1f} | {hours:,.0f} "
                f"| {hours * price:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
