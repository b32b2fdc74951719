"""The official prediction evaluation (predict_2020_icra), its physics baselines, and the oracle."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.nuscenes.dataset import Split
from eval.nuscenes.quiet import quiet
from sim.errors import InputError
from sim.sources.nuscenes.dataset import Dataset
from sim.text_files import read_json, read_json_object

if TYPE_CHECKING:
    from nuscenes.eval.prediction.config import PredictionConfig
    from nuscenes.prediction import PredictHelper

SECONDS = 6
STEPS = 12  # at 2 Hz
MAX_MODES = 25
_FARTHEST_M = 1e7
OWN_RULE = (
    "not the challenge's agents (maps/prediction/prediction_scenes.json does not list them) but every "
    f"vehicle that is not parked and has {SECONDS} s to come: not comparable with published figures"
)
Prediction = dict[
    str, Any
]  # instance, sample, prediction [modes, 12, 2] in the map frame, probabilities
Pair = tuple[str, str]  # instance token, sample token


def has_challenge_list(split: Split) -> bool:
    """Whether the challenge says whose future is to be predicted in this split."""
    return bool(_challenge_agents(split))


def agents_to_predict(helper: "PredictHelper", split: Split) -> list[Pair]:
    """Whose future is to be predicted: (instance, sample) tokens.

    The challenge's own list where `maps/prediction/prediction_scenes.json` covers the split;
    elsewhere every vehicle that is not parked and has all 12 key frames to come (`OWN_RULE`).
    Raises InputError where there is none.
    """
    pairs = _challenge_agents(split)
    if not pairs:
        pairs = [pair for token in split.sample_tokens for pair in _moving(helper, token)]
    odd = next((token for pair in pairs for token in pair if "_" in token), None)
    if odd is not None:  # the devkit joins the two by "_" and splits them again
        raise InputError(f"{split.table_root}: token {odd}: may not hold '_' for prediction")
    if not pairs:
        raise InputError(
            f"{split.table_root}: no vehicle of split {split.name} has {SECONDS} s to be predicted"
        )
    return pairs


def baselines(
    helper: "PredictHelper", pairs: list[Pair]
) -> dict[str, Callable[[], list[Prediction]]]:
    """The devkit's constant velocity and physics oracle, and the recorded future itself."""
    from nuscenes.prediction.models.physics import ConstantVelocityHeading, PhysicsOracle

    def physics(model: Callable[[str], Any]) -> list[Prediction]:
        return [model(f"{instance}_{sample}").serialize() for instance, sample in pairs]

    def recorded() -> list[Prediction]:
        return [
            {
                "instance": instance,
                "sample": sample,
                "prediction": [future(helper, instance, sample).tolist()],
                "probabilities": [1.0],
            }
            for instance, sample in pairs
        ]

    return {
        "constant velocity": lambda: physics(ConstantVelocityHeading(SECONDS, helper)),
        "physics oracle": lambda: physics(PhysicsOracle(SECONDS, helper)),
        "oracle": recorded,
    }


def future(helper: "PredictHelper", instance: str, sample: str) -> np.ndarray:
    """Recorded positions `[<= 12, 2]` at 2 Hz, in the map frame."""
    return np.array(helper.get_future_for_agent(instance, sample, SECONDS, in_agent_frame=False))


def read_predictions(path: Path, split: Split) -> list[Prediction]:
    """A submission file; raises InputError naming file, tokens and field where it does not fit.

    Loads no large table: see `require_agents` for what is left to check.
    """
    data = read_json(path)
    if not isinstance(data, list):
        raise InputError(f"{path}: expected a list of predictions")
    dataset = Dataset(split.dataroot, split.version)
    instances = {row["token"] for row in dataset.read_table("instance")}
    samples, seen = set(split.sample_tokens), set()
    for number, entry in enumerate(data):
        tokens = [entry.get(k) for k in ("instance", "sample")] if isinstance(entry, dict) else []
        if len(tokens) != 2 or not all(isinstance(token, str) for token in tokens):
            raise InputError(f"{path}: prediction {number}: no `instance` and `sample`")
        instance, sample = tokens
        where = f"{path}: instance {instance}, sample {sample}"
        if sample not in samples:
            raise InputError(f"{where}: the sample is not in split {split.name} of {split.version}")
        if instance not in instances:
            raise InputError(f"{where}: the instance is not in {dataset.tables / 'instance.json'}")
        if (instance, sample) in seen:
            raise InputError(f"{where}: predicted twice")
        seen.add((instance, sample))
        _check_modes(where, entry)
    listed = _challenge_agents(split)
    if listed:
        require_agents(path, data, listed)
    return data


def require_agents(path: Path, predictions: list[Prediction], pairs: list[Pair]) -> None:
    """Raise InputError where the predictions are not of exactly the agents to be predicted."""
    given, wanted = {(p["instance"], p["sample"]) for p in predictions}, set(pairs)
    for prediction in predictions:
        pair = (prediction["instance"], prediction["sample"])
        if pair not in wanted:
            raise InputError(
                f"{path}: instance {pair[0]}, sample {pair[1]}: not among the {len(pairs)} agents "
                "to predict in this split"
            )
    missing = [pair for pair in pairs if pair not in given]
    if missing:
        raise InputError(
            f"{path}: {len(missing)} of {len(pairs)} agents are missing, the first is instance "
            f"{missing[0][0]}, sample {missing[0][1]}"
        )


def load_config(helper: "PredictHelper", split: Split) -> "PredictionConfig":
    """The official metrics; OffRoadRate only where the map expansion of the split is there.

    The devkit rasters all four cities at 10 px/m (3 GB); only those of the split are needed.
    """
    from nuscenes.eval.prediction import config as official
    from nuscenes.eval.prediction.metrics import OffRoadRate, RowMean
    from nuscenes.map_expansion.map_api import NuScenesMap

    content = read_json(Path(official.__file__).parent / "configs" / "predict_2020_icra.json")
    content["metrics"] = [m for m in content["metrics"] if m["name"] != "OffRoadRate"]
    config = official.PredictionConfig.deserialize(content, helper)
    towns = sorted({helper.get_map_name_from_sample_token(t) for t in split.sample_tokens})
    expansion = split.dataroot / "maps" / "expansion"
    if not all((expansion / f"{town}.json").is_file() for town in towns):
        return config

    class OffRoadRateOfSplit(OffRoadRate):
        @staticmethod
        def load_drivable_area_masks(helper: "PredictHelper") -> dict[str, np.ndarray]:
            root = str(split.dataroot)
            maps = {town: NuScenesMap(root, town) for town in towns}
            return {
                town: town_map.get_map_mask(None, 0, ["drivable_area"], None)[0]
                for town, town_map in maps.items()
            }

    config.metrics.append(OffRoadRateOfSplit(helper, [RowMean()]))
    return config


def evaluate_prediction(
    helper: "PredictHelper", config: "PredictionConfig", predictions: list[Prediction]
) -> dict[str, float]:
    """minADE, minFDE and miss rate for k = 1, 5, 10 (and OffRoadRate) by `compute_metrics`."""
    with quiet("predictions"):
        from nuscenes.eval.prediction.compute_metrics import compute_metrics

        result = compute_metrics(predictions, helper, config)
    scores = {}
    names = {"MinADEK": "minADE", "MinFDEK": "minFDE", "MissRateTopK_2": "MR"}
    for official, short in names.items():
        for k, value in zip((1, 5, 10), result[official]["RowMean"], strict=True):
            scores[f"{short}_{k}"] = float(value)
    if "OffRoadRate" in result:
        scores["OffRoadRate"] = float(result["OffRoadRate"]["RowMean"][0])
    return scores


def _challenge_agents(split: Split) -> list[Pair]:
    """The challenge's list for this split; empty where it has none."""
    path = split.dataroot / "maps" / "prediction" / "prediction_scenes.json"
    if not path.is_file():
        return []
    if split.name in ("mini_train", "mini_val", "train", "val"):
        from nuscenes.eval.prediction.splits import get_prediction_challenge_split

        tokens = get_prediction_challenge_split(split.name, str(split.dataroot))
    else:
        scenes = read_json_object(path)
        tokens = list(chain.from_iterable(scenes.get(name, []) for name in split.scene_names))
    pairs = [tuple(str(token).split("_")) for token in tokens]
    if any(len(pair) != 2 for pair in pairs):
        raise InputError(f"{path}: expected instance_sample tokens by scene")
    return pairs  # type: ignore[return-value]


def _check_modes(where: str, entry: Prediction) -> None:
    modes = _numbers(f"{where}: prediction", entry.get("prediction"))
    chances = _numbers(f"{where}: probabilities", entry.get("probabilities"))
    if modes.ndim != 3 or modes.shape[1:] != (STEPS, 2) or not 1 <= len(modes) <= MAX_MODES:
        raise InputError(
            f"{where}: prediction: expected [1 to {MAX_MODES} modes, {STEPS}, 2], "
            f"got {list(modes.shape)}"
        )
    if chances.shape != (len(modes),):
        raise InputError(
            f"{where}: probabilities: expected {len(modes)}, got {list(chances.shape)}"
        )


def _moving(helper: "PredictHelper", sample: str) -> list[Pair]:
    pairs = []
    for record in helper.get_annotations_for_sample(sample):
        attributes = {helper.data.get("attribute", t)["name"] for t in record["attribute_tokens"]}
        if not record["category_name"].startswith("vehicle") or "vehicle.parked" in attributes:
            continue
        if len(future(helper, record["instance_token"], sample)) == STEPS:
            pairs.append((record["instance_token"], sample))
    return pairs


def _numbers(where: str, value: Any) -> np.ndarray:
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: not an array of numbers") from None
    if not (np.abs(array) <= _FARTHEST_M).all():
        raise InputError(f"{where}: holds a value that is not finite, or beyond {_FARTHEST_M:g}")
    return array
