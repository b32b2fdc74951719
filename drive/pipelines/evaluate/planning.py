"""Open-loop planning, by three protocols."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.config import EvaluateConfig, Scores
from drive.pipelines.evaluate.results import results_file

if TYPE_CHECKING:
    from eval.nuscenes.dataset import Split


def prepare(config: EvaluateConfig, split: "Split") -> Callable[[Path], Scores]:
    """What scores them; raises InputError for results that are wrong."""
    from eval.nuscenes.planning import read_plans

    results = results_file(config)
    given = {}
    if results is not None:
        given[results.name] = read_plans(results, split)

    def work(folder: Path) -> Scores:
        from eval.nuscenes.dataset import load_dataset
        from eval.nuscenes.planning import evaluate_planning
        from eval.report.table import Table

        scores = evaluate_planning(load_dataset(split), split, given)
        titles = {
            "stp3": ("ST-P3", "means from 0.5 s to t; full windows; m, %"),
            "uniad": ("UniAD", "at t; every sample; vehicles only; m, %"),
            "oriented_box": ("Oriented boxes", "L2 at t, collision by t; full futures; m, %"),
        }
        tables = {
            key: Table(
                f"Planning, {title} protocol, {split.name}",
                note,
                scores[key],
                tuple((row, "L2_3s") for row in scores[key] if row != "ground truth"),
            )
            for key, (title, note) in titles.items()
        }
        return Scores(tables)

    return work
