"""Prediction, by the official metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.config import EvaluateConfig, Scores
from drive.pipelines.evaluate.results import results_file

if TYPE_CHECKING:
    from eval.nuscenes.dataset import Split


def prepare(config: EvaluateConfig, split: "Split") -> Callable[[Path], Scores]:
    """What scores them; raises InputError for results that are wrong."""
    from eval.nuscenes.dataset import load_dataset
    from eval.nuscenes.prediction import agents_to_predict, read_predictions, require_agents

    results = results_file(config)
    own = {}
    if results is not None:
        own[results.name] = read_predictions(results, split)
    from nuscenes.prediction import PredictHelper

    helper = PredictHelper(load_dataset(split))
    pairs = agents_to_predict(helper, split)
    if results is not None:
        require_agents(results, own[results.name], pairs)

    def work(folder: Path) -> Scores:
        from eval.nuscenes.prediction import (
            OWN_RULE,
            baselines,
            evaluate_prediction,
            has_challenge_list,
            load_config,
        )
        from eval.report.table import Table

        metrics = load_config(helper, split)
        predictions = {row: make() for row, make in baselines(helper, pairs).items()} | own
        rows = {row: evaluate_prediction(helper, metrics, p) for row, p in predictions.items()}
        rows = {row: scores | {"agents": float(len(pairs))} for row, scores in rows.items()}
        note = "predict_2020_icra: 6 s at 2 Hz, metres, best of k modes; MR: miss beyond 2 m"
        if not any("OffRoadRate" in scores for scores in rows.values()):
            note += "; no map expansion, so no OffRoadRate"
        title = f"Prediction, {split.name}"
        if not has_challenge_list(split):
            title, note = f"{title}, agents chosen by a rule of bevdrive's", f"{note}; {OWN_RULE}"
        headline = tuple((row, "minADE_5") for row in rows)
        return Scores({"prediction": Table(title, note, rows, headline)})

    return work
