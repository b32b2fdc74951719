"""The pipeline behind `bevdrive evaluate`: check everything, score, write one run folder."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.nuscenes.dataset import Split
    from eval.nuscenes.submission import BoxFormat
    from eval.report.table import Table

TASKS = ("detection", "tracking", "prediction", "planning", "closed-loop")
ORACLE = "oracle"


@dataclass(frozen=True)
class EvaluateConfig:
    """What is scored, on which split, and where the results go."""

    task: str
    dataroot: Path
    version: str
    split: str
    results: str | None = None  # a file, or ORACLE
    noise: float = 0.0
    seed: int = 0
    name: str | None = None
    out: Path = Path("runs")
    planner: tuple[str, ...] = ("pdm",)
    cache: Path | None = None
    workers: int = -1

    def plain(self) -> dict[str, Any]:
        """As YAML can hold it: the fields that matter to the task."""
        names = ["task", "dataroot", "version", "split"]
        names += ["planner", "cache"] if self.task == "closed-loop" else ["results"]
        names += ["noise", "seed"] if self.results == ORACLE else []
        values = {name: getattr(self, name) for name in names}
        values = {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def evaluate(config: EvaluateConfig, name: str) -> tuple[Path, dict[str, "Table"]]:
    """Score one task; returns the run folder and its tables.

    Raises ValueError for wrong input, before long work; nothing is written then.
    """
    from eval.nuscenes.dataset import find_split
    from eval.report.table import write_tables
    from eval.runs.folder import free_path, whole_folder

    path = free_path(config.out, name)
    split = find_split(config.dataroot, config.version, config.split)
    work = _PREPARE[config.task](config, split)
    with whole_folder(config.out, name, config.plain()) as folder:
        tables = work(folder)
        write_tables(folder, tables)
    return path, tables


def _detection(config: EvaluateConfig, split: "Split") -> Callable[[Path], dict[str, "Table"]]:
    from eval.nuscenes.submission import check_submission, detection_format

    form = detection_format()
    if _file(config) is not None:
        check_submission(_require_file(config), split, form)

    def work(folder: Path) -> dict[str, "Table"]:
        from eval.nuscenes.dataset import load_dataset
        from eval.nuscenes.detection import evaluate_detection
        from eval.report.table import Table

        nusc = load_dataset(split)
        results = _file(config) or _write_oracle(nusc, config, split, form, folder)
        score = evaluate_detection(nusc, split, results, folder / "official")
        absent = ", ".join(score["absent_classes"]) or "none"
        rows = {"official": score["official"], "present classes": score["restricted"]}
        return {
            "detection": Table(
                f"Detection, {split.name}",
                f"detection_cvpr_2019; officially absent classes count as zero: {absent}",
                rows,
                tuple((row, column) for row in rows for column in ("NDS", "mAP")),
            ),
            "per_class": Table("Classes with ground truth", "means of 0.5 to 4 m; errors at 2 m",
                               score["per_class"]),
        }  # fmt: skip

    return work


def _tracking(config: EvaluateConfig, split: "Split") -> Callable[[Path], dict[str, "Table"]]:
    from eval.nuscenes.submission import check_submission, tracking_format
    from eval.nuscenes.tracking import require_tracking

    require_tracking()
    form = tracking_format()
    if _file(config) is not None:
        check_submission(_require_file(config), split, form)

    def work(folder: Path) -> dict[str, "Table"]:
        from eval.nuscenes.dataset import load_dataset
        from eval.nuscenes.tracking import evaluate_tracking
        from eval.report.table import Table

        results = _file(config)
        if results is None:
            results = _write_oracle(load_dataset(split), config, split, form, folder)
        score = evaluate_tracking(split, results, folder / "official")
        absent = ", ".join(score["absent_classes"]) or "none"
        rows = {"official": score["official"], **score["per_class"]}
        note = f"tracking_nips_2019; classes without ground truth leave the means: {absent}"
        headline = tuple(("official", column) for column in ("amota", "amotp"))
        return {"tracking": Table(f"Tracking, {split.name}", note, rows, headline)}

    return work


def _prediction(config: EvaluateConfig, split: "Split") -> Callable[[Path], dict[str, "Table"]]:
    from eval.nuscenes.dataset import load_dataset
    from eval.nuscenes.prediction import agents_to_predict, read_predictions, require_agents

    results = _file(config)
    own = {}
    if results is not None:
        own[results.name] = read_predictions(_require_file(config), split)
    from nuscenes.prediction import PredictHelper

    helper = PredictHelper(load_dataset(split))
    pairs = agents_to_predict(helper, split)
    if results is not None:
        require_agents(results, own[results.name], pairs)

    def work(folder: Path) -> dict[str, "Table"]:
        from eval.nuscenes.prediction import baselines, evaluate_prediction, load_config
        from eval.report.table import Table

        metrics = load_config(helper, split)
        predictions = {row: make() for row, make in baselines(helper, pairs).items()} | own
        rows = {row: evaluate_prediction(helper, metrics, p) for row, p in predictions.items()}
        rows = {row: scores | {"agents": float(len(pairs))} for row, scores in rows.items()}
        note = "predict_2020_icra: 6 s at 2 Hz, metres, best of k modes; MR: miss beyond 2 m"
        if not any("OffRoadRate" in scores for scores in rows.values()):
            note += "; no map expansion, so no OffRoadRate"
        headline = tuple((row, "minADE_5") for row in rows)
        return {"prediction": Table(f"Prediction, {split.name}", note, rows, headline)}

    return work


def _planning(config: EvaluateConfig, split: "Split") -> Callable[[Path], dict[str, "Table"]]:
    from eval.nuscenes.planning import read_plans

    results = _file(config)
    given = {}
    if results is not None:
        given[results.name] = read_plans(_require_file(config), split)

    def work(folder: Path) -> dict[str, "Table"]:
        from eval.nuscenes.dataset import load_dataset
        from eval.nuscenes.planning import evaluate_planning
        from eval.report.table import Table

        scores = evaluate_planning(load_dataset(split), split, given)
        titles = {
            "stp3": ("ST-P3", "means from 0.5 s to t; full windows; m, %"),
            "uniad": ("UniAD", "at t; every sample; vehicles only; m, %"),
            "oriented_box": ("Oriented boxes", "L2 at t, collision by t; full futures; m, %"),
        }
        return {
            key: Table(
                f"Planning, {title} protocol, {split.name}",
                note,
                scores[key],
                tuple((row, "L2_3s") for row in scores[key] if row != "ground truth"),
            )
            for key, (title, note) in titles.items()
        }

    return work


def _closed_loop(config: EvaluateConfig, split: "Split") -> Callable[[Path], dict[str, "Table"]]:
    from drive.closed_loop import TRAFFIC, drive_split, make_config
    from drive.simulate import make_requests, require_usable

    base = make_config(config)
    requests = make_requests(base)
    require_usable(requests)

    def work(folder: Path) -> dict[str, "Table"]:
        return {
            traffic: drive_split(base, traffic, folder, requests, f"{title}, {split.name}")
            for traffic, title in TRAFFIC.items()
        }

    return work


_PREPARE = {
    "closed-loop": _closed_loop,
    "detection": _detection,
    "tracking": _tracking,
    "prediction": _prediction,
    "planning": _planning,
}


def _file(config: EvaluateConfig) -> Path | None:
    """The file with results; None: none is given, or the oracle's are to be made."""
    return None if config.results in (None, ORACLE) else Path(str(config.results))


def _require_file(config: EvaluateConfig) -> Path:
    path = Path(str(config.results))
    if not path.is_file():
        raise ValueError(f"--results: {path}: no such file (a file, or {ORACLE!r})")
    return path


def _write_oracle(
    nusc: Any, config: EvaluateConfig, split: "Split", form: "BoxFormat", folder: Path
) -> Path:
    from eval.nuscenes.oracle import oracle_submission

    path = folder / "submission.json"
    path.write_text(json.dumps(oracle_submission(nusc, split, form, config.noise, config.seed)))
    return path
