"""The pipeline behind `bevdrive evaluate planning --planner`: plans at instants of recordings, judged."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.examples import ExampleScores, made_examples, title_of
from drive.pipelines.evaluate.open_loop_config import OpenLoopConfig
from drive.pipelines.scenarios import find_scenarios
from drive.pipelines.workers import work
from sim.errors import InputError
from sim.sources.query import ScenarioRef

if TYPE_CHECKING:
    from torch import Tensor

    from drive.features.example import Example
    from drive.pipelines.evaluate.tally import Tally
    from eval.report.table import Table
    from sim.interface import Planner

PER_PART = 16  # scenarios
RECORDING = "recording"
_PERCENT = ("collides", "leaves")


def evaluate_open_loop(config: OpenLoopConfig, name: str) -> ExampleScores:
    """Score planners in open loop; returns the run folder and its tables.

    Raises InputError for wrong input before long work; nothing is written then. `BrokenRun` where a
    worker process died.
    """
    from drive.pipelines.evaluate.forecast_tables import write_scenarios
    from drive.pipelines.evaluate.tally import Tally
    from eval.report.table import write_tables
    from eval.runs.folder import free_path, whole_folder

    path = free_path(config.out, name)
    refs = find_scenarios(config)
    parts = [tuple(refs[k : k + PER_PART]) for k in range(0, len(refs), PER_PART)]
    with whole_folder(config.out, name, config.plain()) as folder:
        with TemporaryDirectory(dir=folder) as scratch:
            files = [Path(scratch) / f"{k:05d}.json" for k in range(len(parts))]
            jobs = [(config, *pair) for pair in zip(parts, files, strict=True)]
            amounts = [float(len(part)) for part in parts]
            work(judge_part, jobs, config, "planning", amounts, "scenarios")
            tally = Tally()
            for file in files:
                tally.join(Tally.read(file))
        if not tally.family:
            reasons = "; ".join(entry["reason"] for entry in tally.skipped[:3])
            raise InputError(f"0 of {len(tally.skipped)} scenarios can be used: {reasons}")
        tables = open_loop_tables(tally, title_of(config))
        write_tables(folder, tables)
        write_scenarios(tally, folder / "per_scenario.parquet")
    return ExampleScores(path, tables, tally.skipped)


def judge_part(config: OpenLoopConfig, refs: tuple[ScenarioRef, ...], path: Path) -> None:
    """What a worker does: plans at the instants of some scenarios, judged, as a `Tally` at `path`."""
    import torch

    from drive.pipelines.evaluate.tally import Tally
    from drive.planning import PLANNERS, make_planner
    from drive.planning.experts import demonstration
    from drive.training.open_loop import scene_open_loop

    torch.set_num_threads(1)  # the same figures for any number of workers
    tally = Tally()
    labels = PLANNERS.labels(config.planner)
    for example, names in made_examples(refs, config.perception, config.every, tally):
        driven, there = demonstration(example)
        tally.add_sums(RECORDING, scene_open_loop(example, driven, driven, there), names)
        for name, label in labels.items():
            planned = _planned(make_planner(name), example, name)
            tally.add_sums(label, scene_open_loop(example, planned, driven, there), names)
    tally.write(path)


def _planned(planner: "Planner", example: "Example", name: str) -> "Tensor":
    """The plan at the instants of a demonstration, `[B, T, 5]`."""
    import torch

    from drive.planning.candidates import DT_S, POINTS
    from sim.dynamics.bicycle import Controls
    from sim.ego_motion import plan_entries

    reset = getattr(planner, "reset", None)
    if reset is not None:
        reset(example.num, torch.device("cpu"), torch.Generator().manual_seed(0))
    plan = planner.plan(example.observation)
    if isinstance(plan, Controls):
        raise InputError(f"--planner {name}: gives controls, not plans")
    return plan_entries(plan, example.observation.ego.speed_mps, DT_S, POINTS)


def open_loop_tables(tally: "Tally", title: str) -> dict[str, "Table"]:
    """Overall, and what differs from the first planner, with intervals."""
    from eval.report.bootstrap import difference_interval
    from eval.report.table import Table

    planners = [name for name in tally.sums if name != RECORDING]
    figures = list(tally.sums[planners[0]])
    samples = tally.pooled(planners[0], figures[0])[1]

    def scale(figure: str) -> float:
        return 100.0 if figure.startswith(_PERCENT) else 1.0

    rows = {name: {f: scale(f) * tally.ratio(name, f) for f in figures} for name in tally.sums}
    note = (
        f"{samples:.0f} instants of {len(tally.family)} scenarios; collisions and ways off the road by "
        "then, in percent; L2 in metres"
    )
    tables = {
        "overall": Table(f"Open-loop planning, {title}", note, rows, ((planners[0], "L2_3s"),))
    }
    first = planners[0]
    for name in planners[1:]:
        found = {f: difference_interval(scale(f) * (tally.by_scenario(name, f) - tally.by_scenario(first, f)))
                 for f in figures}  # fmt: skip
        tables[f"difference_{name}"] = Table(
            f"{name}, less {first}",
            "mean over scenarios of the difference, with 95 % interval",
            {f: {"difference": d.mean, "low": d.low, "high": d.high, "scenarios": float(d.count)}
             for f, d in found.items()},
        )  # fmt: skip
    return tables
