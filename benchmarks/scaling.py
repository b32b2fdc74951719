"""Memory against the number of worlds, cost against the number of agents: figures and a picture.

    python benchmarks/scaling.py --maps DIR --plot docs/images/scaling.png [--json FILE]

Every point is `bevdrive bench step` in a process of its own, on one thread. With --json, what was
measured before is read from that file, or written to it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

WORLDS = (16, 64, 256, 1024)
AGENTS = (8, 16, 32, 64, 128)
BATCH = 64


def bench(maps: str, worlds: int, agents: int, mode: str) -> dict[str, Any]:
    """One row of `bevdrive bench`."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "row.json"
        words = ["step", "--maps", maps, "--worlds", worlds, "--agents", agents, "--mode", mode]
        command = [
            sys.executable,
            "-m",
            "drive.cli.main",
            "bench",
            *map(str, words),
            "--threads",
            "1",
        ]
        subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())[0]


def measure(maps: str) -> dict[str, list[dict[str, Any]]]:
    """Rows by worlds (eager: memory) and by agents (compiled: time)."""
    return {
        "worlds": [bench(maps, count, 32, "eager") for count in WORLDS],
        "agents": [bench(maps, BATCH, count, "compiled") for count in AGENTS],
    }


def plot(rows: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Two panels, with the straight line and the square that they are to be held against."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    worlds = np.array([row["worlds"] for row in rows["worlds"]])
    memory = np.array([row["peak_bytes"] for row in rows["worlds"]]) / 1e9
    left.plot(worlds, memory, "o-", color="#0072b2", label="process, eager")
    slope, base = np.polyfit(worlds, memory, 1)
    left.plot(worlds, base + slope * worlds, "--", color="#888888", label="straight line")
    left.set(xlabel="worlds of 32 agents", ylabel="peak memory, GB", ylim=(0, None))
    agents = np.array([row["agents"] for row in rows["agents"]])
    cost = np.array([1e6 * row["median_s"] / 20 / row["worlds"] for row in rows["agents"]])
    right.loglog(agents, cost, "o-", color="#0072b2", label="step, compiled, one thread")
    right.loglog(agents, cost[0] * agents / agents[0], ":", color="#009e73", label="linear")
    right.loglog(agents, cost[0] * (agents / agents[0]) ** 2, "--", color="#d55e00", label="square")
    right.set(xlabel="agents a world", ylabel="microseconds a world and step")
    right.set_xticks(agents, [str(a) for a in agents])
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Measure or read, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", default="generated")
    parser.add_argument("--plot", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json and options.json.is_file():
        rows = json.loads(options.json.read_text())
    else:
        rows = measure(options.maps)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))
    for row in rows["worlds"]:
        print(f"{row['worlds']} worlds: {row['peak_bytes'] / 1e9:.2f} GB")
    for row in rows["agents"]:
        cost = 1e6 * row["median_s"] / 20 / row["worlds"]
        print(
            f"{row['agents']} agents ({row['drivers']:.0f} drivers): {cost:.1f} us a world and step"
        )
    plot(rows, options.plot)


if __name__ == "__main__":
    main()
