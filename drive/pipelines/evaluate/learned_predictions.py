"""A network's forecasts of the agents that nuScenes asks about, as its prediction task takes them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from drive.pipelines.evaluate.networks import TRAJECTORIES, load_forecasting
from drive.prediction.cover import CoverPredictor
from drive.prediction.intention import IntentionPredictor
from drive.prediction.joint import JointPredictor
from eval.nuscenes.prediction import SECONDS, STEPS
from sim.errors import InputError
from sim.geometry import se2
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from sim.sources.loading import load_one
from sim.sources.nuscenes.source import scene_file
from sim.sources.query import ScenarioRef
from sim.world import World

if TYPE_CHECKING:
    from eval.nuscenes.prediction import Pair, Prediction

Predictor = JointPredictor | IntentionPredictor | CoverPredictor
_AT_ONCE = 8  # samples


def load_predictor(weights: str) -> Predictor:
    """The network of weights; InputError where they foretell no trajectories, or not 6 s at 2 Hz."""
    network, _ = load_forecasting(weights, tasks=TRAJECTORIES)
    assert isinstance(network, Predictor)
    config = network.config
    if getattr(config, "sensors", "tracks") != "tracks":
        raise InputError(f"--weights {weights}: sees {config.sensors}; here tracks are shown")
    if (config.points, config.dt_s) != (STEPS, SECONDS / STEPS):
        told = f"{config.points} points every {config.dt_s} s"
        raise InputError(f"--weights {weights}: {told}, not {STEPS} every {SECONDS / STEPS} s")
    return network


def predict(
    network: Predictor, refs: Sequence[ScenarioRef], pairs: Sequence["Pair"]
) -> list["Prediction"]:
    """Of every pair of instance and sample, as the car that recorded the scene could make it.

    `refs`: the scenes of source nuscenes, converted. Raises InputError where a scene cannot be used, or
    somebody is not in it.
    """
    asked: dict[str, list[str]] = defaultdict(list)
    for instance, sample in pairs:
        asked[sample].append(instance)
    predictions: list[Prediction] = []
    for ref in refs:
        scenario = load_one(ref)
        steps = _steps_of_samples(ref, scenario)
        wanted = {sample: step for sample, step in steps.items() if sample in asked}
        predictions += _in_scene(network, scenario, wanted, asked)
    missing = set(asked) - {prediction["sample"] for prediction in predictions}
    if missing:
        raise InputError(f"sample {min(missing)}: of no scene of this split")
    return predictions


def _steps_of_samples(ref: ScenarioRef, scenario: Scenario) -> dict[str, int]:
    """The instant of the scenario that each sample token of its scene is."""
    samples = [token for token, _ in scene_file(ref).read_side()["samples"]]
    steps = np.flatnonzero(scenario.keyframe)
    if len(steps) != len(samples):
        raise InputError(f"{ref.name}: key frames closer than {scenario.dt_s} s to one another")
    return dict(zip(samples, steps.tolist(), strict=True))


def _in_scene(
    network: Predictor, scenario: Scenario, steps: dict[str, int], asked: dict[str, list[str]]
) -> Iterator["Prediction"]:
    row = {name: k - 1 for k, name in enumerate(scenario.tracks.track_id)}  # among the others
    world = World.from_scenarios([scenario], maps=False)
    whole = Simulator.of(world, "log", JointPredictor.needs)
    samples = list(steps)
    for first in range(0, len(samples), _AT_ONCE):
        some = samples[first : first + _AT_ONCE]
        simulator = whole.take(torch.zeros(len(some), dtype=torch.long))
        state = simulator.reset(torch.tensor([steps[sample] for sample in some]))
        with torch.no_grad():
            forecast = network.predict_each(simulator.observe(state))
        frame = state.pose[:, EGO, None, None, None]
        place = se2.transform_points(frame, forecast.position_m).double().numpy()
        place = place + scenario.world_offset_m[:2]
        for k, sample in enumerate(some):
            for instance in asked[sample]:
                at = row.get(instance)
                if at is None or not bool(state.valid[k, at + 1]):
                    raise InputError(
                        f"{scenario.scenario_id}: {instance} is not in sample {sample}"
                    )
                yield {
                    "instance": instance,
                    "sample": sample,
                    "prediction": place[k, at].tolist(),
                    "probabilities": forecast.probability[k, at].tolist(),
                }
