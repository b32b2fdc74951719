"""Prediction, by the official metrics."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drive.pipelines.evaluate.config import EvaluateConfig, Scores
from drive.pipelines.evaluate.results import results_file
from sim.files import write_whole

if TYPE_CHECKING:
    from eval.nuscenes.dataset import Split
    from eval.nuscenes.prediction import Pair, Prediction


def prepare(config: EvaluateConfig, split: "Split") -> Callable[[Path], Scores]:
    """What scores them; raises InputError for results that are wrong."""
    from eval.nuscenes.dataset import load_dataset
    from eval.nuscenes.prediction import agents_to_predict, read_predictions, require_agents

    results = results_file(config)
    own = {}
    if results is not None:
        own[results.name] = read_predictions(results, split)
    learned = _learned(config)
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
        if learned is not None:
            row, predict_all = learned
            predictions[row] = predict_all(pairs)
            write_whole(folder / "submission.json", json.dumps(predictions[row]))
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


def _learned(
    config: EvaluateConfig,
) -> "tuple[str, Callable[[list[Pair]], list[Prediction]]] | None":
    """The task of the weights that are asked for, and what predicts with them; the scenes are converted."""
    if config.weights is None:
        return None
    from drive.pipelines.evaluate.learned_predictions import load_predictor, predict
    from drive.pipelines.scenarios import find_scenarios

    network = load_predictor(config.weights)
    return network.task, partial(predict, network, find_scenarios(config.query))
