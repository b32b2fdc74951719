"""Tracking, by the official evaluator."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.config import EvaluateConfig, Scores
from drive.pipelines.evaluate.results import results_file, write_oracle

if TYPE_CHECKING:
    from eval.nuscenes.dataset import Split


def prepare(config: EvaluateConfig, split: "Split") -> Callable[[Path], Scores]:
    """What scores them; raises InputError for results that are wrong."""
    from eval.nuscenes.submission import check_submission, tracking_format
    from eval.nuscenes.tracking import require_tracking

    require_tracking()
    form = tracking_format()
    given = results_file(config)
    if given is not None:
        check_submission(given, split, form)

    def work(folder: Path) -> Scores:
        from eval.nuscenes.dataset import load_dataset
        from eval.nuscenes.submission import write_text_ids
        from eval.nuscenes.tracking import evaluate_tracking
        from eval.report.table import Table

        results = given or write_oracle(load_dataset(split), config, split, form, folder)
        results = write_text_ids(results, folder / "submission.json")
        score = evaluate_tracking(split, results, folder / "official")
        absent = ", ".join(score["absent_classes"]) or "none"
        rows = {"official": score["official"], **score["per_class"]}
        note = f"tracking_nips_2019; classes without ground truth leave the means: {absent}"
        headline = tuple(("official", column) for column in ("amota", "amotp"))
        return Scores({"tracking": Table(f"Tracking, {split.name}", note, rows, headline)})

    return work
