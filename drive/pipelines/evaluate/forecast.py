"""The pipeline behind `bevdrive evaluate forecast`: examples, forecasts, their figures, a run folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.examples import ExampleScores, made_examples, title_of
from drive.pipelines.evaluate.forecast_config import ForecastConfig
from drive.pipelines.evaluate.networks import load_forecasting
from drive.pipelines.scenarios import find_scenarios
from drive.pipelines.workers import work
from sim.errors import InputError
from sim.sources.query import ScenarioRef

if TYPE_CHECKING:
    from drive.features.example import Example
    from drive.networks.weights import TaskNetwork
    from drive.pipelines.evaluate.tally import Tally

PER_PART = 16  # scenarios
_AT_ONCE, _GRIDS_AT_ONCE = 32, 4  # examples; of task occupancy
_RECORDED = "recorded"  # the family, where a store's scenario is none of the generator's


@dataclass(frozen=True)
class _Part:
    """What a worker judges: scenarios to make examples of, or a store's examples by number."""

    refs: tuple[ScenarioRef, ...] = ()
    numbers: tuple[int, ...] = ()


def evaluate_forecast(config: ForecastConfig, name: str) -> ExampleScores:
    """Score the forecasts of a network; returns the run folder and its tables.

    Raises InputError for wrong input, weights of another task among it, before long work; nothing is
    written then. `BrokenRun` where a worker process died.
    """
    from drive.pipelines.evaluate.forecast_tables import forecast_tables, write_scenarios
    from drive.pipelines.evaluate.tally import Tally
    from eval.report.table import write_tables
    from eval.runs.folder import free_path, whole_folder

    path = free_path(config.out, name)
    network, card = load_forecasting(config.weights, config.task)
    parts = _of_store(config.data, _sees_lidar(network)) if config.data else _of_scenarios(config)
    with whole_folder(config.out, name, config.plain()) as folder:
        with TemporaryDirectory(dir=folder) as scratch:
            files = [Path(scratch) / f"{k:05d}.json" for k in range(len(parts))]
            jobs = [(config, *pair) for pair in zip(parts, files, strict=True)]
            amounts = [float(len(part.refs) or len(part.numbers)) for part in parts]
            unit = "examples" if config.data else "scenarios"
            work(judge_part, jobs, config, "forecasting", amounts, unit)
            tally = Tally()
            for file in files:
                tally.join(Tally.read(file))
        if not tally.family:
            reasons = "; ".join(entry["reason"] for entry in tally.skipped[:3])
            raise InputError(f"0 of {len(tally.skipped)} scenarios can be used: {reasons}")
        tables = forecast_tables(tally, network.task, card, str(config.data or title_of(config)))
        write_tables(folder, tables)
        write_scenarios(tally, folder / "per_scenario.parquet")
    return ExampleScores(path, tables, tally.skipped)


def judge_part(config: ForecastConfig, part: _Part, path: Path) -> None:
    """What a worker does: forecasts of one part, judged, as a `Tally` at `path`."""
    import torch

    from drive.pipelines.evaluate.forecast_judging import judge
    from drive.pipelines.evaluate.tally import Tally

    torch.set_num_threads(1)  # the same figures for any number of workers
    network, card = load_forecasting(config.weights, config.task)
    task = network.task
    marginal = task != "joint" or card.training.get("loss") == "marginal"
    tally = Tally()
    examples = (
        _stored(config.data, part, task, tally)
        if config.data
        else made_examples(part.refs, config.perception, config.every, tally, _sees_lidar(network))
    )
    for example, names in examples:
        judgement = judge(network, example, marginal)
        for forecast, sums in judgement.sums.items():
            tally.add_sums(forecast, sums, names)
        for forecast, tables in judgement.tables.items():
            for name, table in tables.items():
                tally.add_table(forecast, name, table, names)
    tally.write(path)


def _of_scenarios(config: ForecastConfig) -> list[_Part]:
    refs = find_scenarios(config)
    return [_Part(refs=tuple(refs[k : k + PER_PART])) for k in range(0, len(refs), PER_PART)]


def _sees_lidar(network: "TaskNetwork") -> bool:
    """Whether it has to be shown sweeps."""
    return getattr(network.config, "sensors", "tracks") == "lidar"


def _of_store(folder: Path, sweeps: bool) -> list[_Part]:
    """The examples of as many scenarios in each part; InputError where they lack `sweeps` asked for."""
    import numpy as np

    from drive.features.store import Store

    store = Store.open(folder)
    if sweeps:
        store.require_sweeps()
    of = store.scenario_numbers()
    used = np.unique(of)
    chosen = [used[k : k + PER_PART] for k in range(0, len(used), PER_PART)]
    return [_Part(numbers=tuple(np.flatnonzero(np.isin(of, k)).tolist())) for k in chosen]


def _stored(
    folder: Path, part: _Part, task: str, tally: "Tally"
) -> "Iterator[tuple[Example, list[str]]]":
    """Examples of a store, and the id of the scenario that each is of."""
    import numpy as np

    from drive.features.example import trimmed
    from drive.features.store import Store

    store, size = Store.open(folder), _GRIDS_AT_ONCE if task == "occupancy" else _AT_ONCE
    ids = store.scenario_ids()
    for first in range(0, len(part.numbers), size):
        example = store.read(np.array(part.numbers[first : first + size]))
        names = [ids[k] for k in example.scenario.tolist()]
        tally.family |= {name: _family(name) for name in names}
        yield trimmed(example), names


def _family(scenario_id: str) -> str:
    from sim.sources.procedural.ids import GeneratedId

    try:
        return GeneratedId.parse(scenario_id).family
    except InputError:
        return _RECORDED
