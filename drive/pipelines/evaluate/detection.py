"""Detection, by the official evaluator."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.config import EvaluateConfig, Scores
from drive.pipelines.evaluate.results import results_file, write_oracle

if TYPE_CHECKING:
    from eval.nuscenes.dataset import Split


def prepare(config: EvaluateConfig, split: "Split") -> Callable[[Path], Scores]:
    """What scores them; raises InputError for results that are wrong."""
    from eval.nuscenes.submission import check_submission, detection_format

    form = detection_format()
    given = results_file(config)
    if given is not None:
        check_submission(given, split, form)

    def work(folder: Path) -> Scores:
        from eval.nuscenes.dataset import load_dataset
        from eval.nuscenes.detection import evaluate_detection
        from eval.report.table import Table

        nusc = load_dataset(split)
        results = given or write_oracle(nusc, config, split, form, folder)
        score = evaluate_detection(nusc, split, results, folder / "official")
        absent = ", ".join(score["absent_classes"]) or "none"
        rows = {"official": score["official"], "present classes": score["restricted"]}
        tables = {
            "detection": Table(
                f"Detection, {split.name}",
                f"detection_cvpr_2019; officially absent classes count as zero: {absent}",
                rows,
                tuple((row, column) for row in rows for column in ("NDS", "mAP")),
            ),
            "per_class": Table("Classes with ground truth", "means of 0.5 to 4 m; errors at 2 m",
                               score["per_class"]),
        }  # fmt: skip
        return Scores(tables)

    return work
