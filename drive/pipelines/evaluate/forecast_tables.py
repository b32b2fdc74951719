"""The tables of `bevdrive evaluate forecast`: overall, by family, and differences with their intervals."""

import math
from pathlib import Path

from drive.networks.weights import WeightsCard
from drive.pipelines.evaluate.forecast_judging import (
    CONSTANT_TURN_RATE,
    CONSTANT_VELOCITY,
    EGO_GIVEN,
    INDEPENDENT,
    JOINT,
    MOTION_FIELD,
    PERSISTENCE,
    RECORDING,
    TRUE_ROUTE,
)
from drive.pipelines.evaluate.tally import Tally
from drive.prediction.figures import HORIZON_S, MOVES_M
from drive.prediction.occupancy_figures import DOUBTFUL, HORIZONS_S
from eval.forecasts.calibration import expected_calibration_error, precision_recall_area
from eval.report.bootstrap import difference_interval
from eval.report.table import Table
from sim.files import whole_file
from sim.interface import IntentionKind

_BASELINES = {CONSTANT_VELOCITY: "cv", CONSTANT_TURN_RATE: "ctrv", TRUE_ROUTE: "route"}
_HORIZONS = [f"{horizon_s:g}s" for horizon_s in HORIZONS_S]


def forecast_tables(tally: Tally, task: str, card: WeightsCard, title: str) -> dict[str, Table]:
    """By key; `title`: of what the scenarios are."""
    make = _of_occupancy if task == "occupancy" else _of_trajectories
    return make(tally, task, f"of weights {card.task}, data {card.data_hash}", title)


def _of_trajectories(tally: Tally, task: str, whose: str, title: str) -> dict[str, Table]:
    figures = list(tally.sums[task])
    agents = tally.pooled(task, "ADE1")[1]
    note = (
        f"{whose}; moving agents other than the ego ({MOVES_M:g} m or more in {HORIZON_S:g} s) over "
        f"{HORIZON_S:g} s; metres, shares"
    )
    rows = {
        forecast: {figure: tally.ratio(forecast, figure) for figure in figures}
        | {"agents": agents, "scenes": float(len(tally.family))}
        for forecast in tally.sums
    }
    for figure in figures:  # who was there has no errors to tell
        if figure not in ("overlap", "offroad"):
            rows[RECORDING][figure] = math.nan
    best = [figure for figure in figures if figure.startswith("minADE")]
    tables = {
        "overall": Table(f"Forecasts, {title}", note, rows, ((task, "ADE1"), (task, best[0]))),
        "families": Table(
            "By family",
            f"ADE1 less that of {CONSTANT_VELOCITY}, mean over scenarios, with 95 % interval",
            {family: _family_row(tally, task, figures, family) for family in tally.families},
        ),
        "difference": _difference(tally, task, CONSTANT_VELOCITY, figures),
    }
    if EGO_GIVEN in tally.sums:
        tables["ego_given"] = _difference(tally, EGO_GIVEN, task, figures)
    for key, other in (("independent", INDEPENDENT), ("joint", JOINT)):
        if task == "social":
            tables[key] = _difference(tally, task, other, figures)
    if task in tally.tables:
        tables["intentions"] = _intentions(tally, task)
    return tables


def _family_row(tally: Tally, task: str, figures: list[str], family: str) -> dict[str, float]:
    shown = [
        f for f in figures if f.startswith(("ADE", "minADE", "jointADE", "overlap", "offroad"))
    ]
    row = {
        "scenes": float(sum(f == family for f in tally.family.values())),
        "agents": tally.pooled(task, "ADE1", family)[1],
    }
    row |= {figure: tally.ratio(task, figure, family) for figure in shown}
    row |= {
        f"ADE1 {short}": tally.ratio(name, "ADE1", family) for name, short in _BASELINES.items()
    }
    return row | _interval(tally, task, CONSTANT_VELOCITY, "ADE1", family)


def _difference(tally: Tally, forecast: str, other: str, figures: list[str]) -> Table:
    rows = {figure: _interval(tally, forecast, other, figure) for figure in figures}
    note = "mean over scenarios of the difference, with 95 % interval"
    return Table(f"{forecast}, less {other}", note, rows)


def _interval(
    tally: Tally, forecast: str, other: str, figure: str, family: str | None = None
) -> dict[str, float]:
    """Paired by scenario: of those in which both have a value."""
    mine, theirs = (tally.by_scenario(name, figure, family) for name in (forecast, other))
    found = difference_interval(mine - theirs)
    return {
        "difference": found.mean, "low": found.low, "high": found.high, "scenarios": float(found.count)
    }  # fmt: skip


def _intentions(tally: Tally, task: str) -> Table:
    """Accuracy and calibration over all, over who acts, and of each kind; accuracy by family."""
    rows = {}
    for name in ("intention", "manoeuvre", *(kind.name.lower() for kind in IntentionKind)):
        rows[name.replace("_", " ")] = _told_intentions(tally, task, name)
    for family in tally.families:
        rows[f"in {family}"] = _told_intentions(tally, task, "intention", family)
    note = "share that was right; expected calibration error; manoeuvre: who turns, changes lanes or stops"
    return Table("Intentions", note, rows, (("intention", "accuracy"),))


def _told_intentions(
    tally: Tally, task: str, name: str, family: str | None = None
) -> dict[str, float]:
    table = tally.table(task, name, family)
    assert table is not None  # every batch has all of them
    number = float(table.number.sum())
    right = float(table.happened.sum()) / number if number else math.nan
    return {"accuracy": right, "ECE": float(expected_calibration_error(table)), "agents": number}


def _of_occupancy(tally: Tally, task: str, whose: str, title: str) -> dict[str, Table]:
    forecasts = list(tally.sums)
    there = [name for name in _HORIZONS if f"IoU_{name}" in tally.sums[task]]
    tables = {}
    for key, label in (("IoU", "IoU"), ("soft_IoU", "Soft IoU")):
        rows = {
            forecast: {name: tally.ratio(forecast, f"{key}_{name}") for name in there}
            for forecast in forecasts
        }
        note = f"{whose}; all classes; {len(tally.family)} scenarios"
        tables[key] = Table(f"{label} of occupancy, {title}", note, rows, ((task, there[-1]),))
    told = {
        "AUC": ("Area under precision and recall", "Waymo's, 100 thresholds"),
        "ECE": ("Expected calibration error", f"cells of probability {DOUBTFUL:g} or more"),
    }
    for key, (label, note) in told.items():
        rows = {f: dict(zip(there, _of_tables(tally, f, key), strict=True)) for f in forecasts}
        tables[key] = Table(label, note, rows, ((task, there[-1]),) if key == "ECE" else ())
    kinds = [figure for figure in tally.sums[task] if figure in _CLASSES]
    rows = {f: {kind: tally.ratio(f, kind) for kind in kinds} for f in forecasts}
    rows[MOTION_FIELD]["flow_mps"] = tally.ratio(MOTION_FIELD, "flow_mps")
    tables["classes"] = Table("IoU by class", "all instants; flow: mean error in m/s", rows)
    tables["families"] = Table(
        "By family",
        f"IoU at 3 s, and what it is less {CONSTANT_VELOCITY}'s, mean over scenarios",
        {family: _occupancy_row(tally, task, there, family) for family in tally.families},
    )
    figures = [f"{key}_{name}" for key in ("IoU", "soft_IoU") for name in there]
    tables["difference"] = _difference(tally, task, CONSTANT_VELOCITY, figures)
    tables["difference_persistence"] = _difference(tally, task, PERSISTENCE, figures)
    return tables


_CLASSES = ("IoU_vehicle", "IoU_pedestrian", "IoU_cyclist", "soft_IoU")


def _occupancy_row(tally: Tally, task: str, there: list[str], family: str) -> dict[str, float]:
    figure = f"IoU_{there[len(there) // 2]}"
    row = {"scenes": float(sum(f == family for f in tally.family.values()))}
    row |= {forecast: tally.ratio(forecast, figure, family) for forecast in tally.sums}
    row["ECE"] = _of_tables(tally, task, "ECE", family)[len(there) // 2]
    return row | _interval(tally, task, CONSTANT_VELOCITY, figure, family)


def _of_tables(tally: Tally, forecast: str, key: str, family: str | None = None) -> list[float]:
    """At each horizon."""
    table = tally.table(forecast, key, family)
    assert table is not None  # every batch has all of them
    figure = precision_recall_area if key == "AUC" else expected_calibration_error
    return figure(table).tolist()


def write_scenarios(tally: Tally, path: Path) -> None:
    """A line for each scenario and forecast with its figures, for whoever pairs runs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = sorted(tally.family)
    figures = list(dict.fromkeys(figure for held in tally.sums.values() for figure in held))
    columns: dict[str, list] = {"scenario_id": [], "family": [], "forecast": []}
    columns |= {figure: [] for figure in figures}
    for forecast, held in tally.sums.items():
        columns["scenario_id"] += names
        columns["family"] += [tally.family[name] for name in names]
        columns["forecast"] += [forecast] * len(names)
        for figure in figures:
            values = (
                tally.by_scenario(forecast, figure) if figure in held else [math.nan] * len(names)
            )
            columns[figure] += [float(value) for value in values]
    with whole_file(path) as scratch:
        pq.write_table(pa.table(columns), scratch)
