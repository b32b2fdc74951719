"""How memory grows with the number of scenarios: the end of a run, its report, a pass over a training store.

    python benchmarks/growth.py RUN STORE --counts 1000 10000 100000 --plot docs/images/growth.png

A finished run of `bevdrive simulate`, and a store of `bevdrive collect`, are repeated up to each count, and
each part then works in a process of its own. Memory is the most that the process held of its own (for the
store that is without the files it maps, which the system drops when it needs the room).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PARTS = ("tables", "report", "store")
_BATCH = 64  # examples


def repeat_run(run: Path, count: int, folder: Path) -> None:
    """The run's first planner, as if it had driven `count` scenarios: drives and scenes are linked to."""
    from eval.runs.folder import DRIVES, RunFolder

    for name in ("config.yaml", "metrics.json", "declared_metrics.json"):
        shutil.copy(run / name, folder / name)
    given = RunFolder(run).read_batches().drives
    planner = given[0].planner
    given = [drive for drive in given if drive.planner == planner]
    repeated, size = RunFolder(folder), 16
    for place in ("batches", "scenarios", f"{DRIVES}/{planner}"):
        (folder / place).mkdir(parents=True)
    for first in range(0, count, size):
        drives = []
        for index in range(first, min(count, first + size)):
            drive = given[index % len(given)]
            os.symlink(
                RunFolder(run).drive_path(planner, drive.index), repeated.drive_path(planner, index)
            )
            os.symlink(RunFolder(run).scenario_path(drive.index), repeated.scenario_path(index))
            drives.append({
                "scenario_id": f"{drive.scenario_id}-{index}", "family": drive.family, "planner": planner,
                "index": index, "metrics": dict(drive.metrics), "tags": drive.tags,
            })  # fmt: skip
        batch = {"drives": drives, "skipped": [], "errors": [], "privileged": []}
        (folder / "batches" / f"{first // size:05d}.json").write_text(json.dumps(batch))


def repeat_store(store: Path, count: int, folder: Path) -> None:
    """As if there were `count` examples, or a few more: the same shards under many names."""
    told = json.loads((store / "store.json").read_text())
    (folder / "shards").mkdir()
    shards, rows = [], 0
    given = [shard for shard in told["shards"] if shard["rows"]]
    while rows < count:
        shard = given[len(shards) % len(given)]
        name = f"{len(shards):05d}"
        os.symlink(
            (store / "shards" / f"{shard['name']}.bin").resolve(), folder / "shards" / f"{name}.bin"
        )
        shards.append(
            shard | {"name": name, "scenario": [f"{s}-{name}" for s in shard["scenario"]]}
        )
        rows += shard["rows"]
    (folder / "store.json").write_text(json.dumps(told | {"shards": shards}))


def tables(folder: Path) -> None:
    """What the driver of a run does once all batches are there."""
    from eval.metrics.suite import FAMILIES, declared
    from eval.runs.folder import RunFolder

    run = RunFolder(folder)
    run.write_tables(run.read_batches(), declared(FAMILIES))


def report(folder: Path) -> None:
    """The page of a run."""
    from eval.report.run_report import write_report
    from eval.runs.folder import RunFolder

    write_report(RunFolder(folder))


def store(folder: Path) -> None:
    """One pass over a store, in the order of a training."""
    from drive.features.store import Store
    from drive.training.config import JointTrainConfig
    from drive.training.data import Batches
    from drive.training.order import Order

    config = JointTrainConfig(data=(str(folder),), batch_size=_BATCH)
    order = Order.of(Store.open(folder), config)
    batches = Batches((folder,), [])
    for number in range(len(Store.open(folder)) // _BATCH):
        batches.read(order.batch(number))


def measure(part: str, folder: Path) -> tuple[float, float]:
    """Seconds, and the most MB of its own that a process held that does this."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "--part", part, str(folder)])
    most = 0
    while process.poll() is None:
        most = max(most, _own_kb(process.pid))
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{part}: exit code {process.returncode}")
    return time.perf_counter() - begin, most / 1000


def _own_kb(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def plot(rows: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Memory over the number of scenarios, or examples."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.4, 3.4), layout="constrained")
    titles = {
        "tables": "tables of a run",
        "report": "report of a run",
        "store": "pass over a store",
    }
    for (part, points), colour in zip(rows.items(), ("#0072b2", "#d55e00", "#009e73"), strict=True):
        axes.semilogx(*zip(*points, strict=True), "o-", color=colour, label=titles[part])
    axes.set(xlabel="scenarios, or examples", ylabel="memory of the process, MB", ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Repeat, measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN STORE")
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--part", choices=PARTS, help="do this here, of what is repeated already")
    options = parser.parse_args()
    if options.part:
        {"tables": tables, "report": report, "store": store}[options.part](options.folders[0])
        return
    run, examples = (folder.resolve() for folder in options.folders)
    rows: dict[str, list[tuple[int, float]]] = {part: [] for part in PARTS}
    for count in options.counts:
        with tempfile.TemporaryDirectory() as scratch:
            folders = {name: Path(scratch) / name for name in ("run", "store")}
            for folder in folders.values():
                folder.mkdir()
            repeat_run(run, count, folders["run"])
            repeat_store(examples, count, folders["store"])
            for part in PARTS:
                seconds, own_mb = measure(part, folders["store" if part == "store" else "run"])
                rows[part].append((count, own_mb))
                size = ""
                if part == "report":
                    size = f", {(folders['run'] / 'report.html').stat().st_size / 1e6:.1f} MB"
                print(f"{count} {part}: {own_mb:.0f} MB, {seconds:.1f} s{size}", flush=True)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
