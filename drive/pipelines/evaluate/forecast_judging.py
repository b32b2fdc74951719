"""What a network foretells of examples, and what has to be beaten, judged against what happened."""

from dataclasses import dataclass

import torch

from drive.features.example import Example
from drive.features.occupancy import occupancy_truth
from drive.features.sweeps import lidar_scene, seen_scene
from drive.features.vectors import VectorScene, observed_scene
from drive.networks.joint_head import JointFutures
from drive.networks.weights import TaskNetwork
from drive.planning.candidates import DT_S
from drive.planning.social.foretelling import FUTURES, foretold_by
from drive.planning.social.model import SocialModel
from drive.planning.social.network import SocialEnergy
from drive.prediction.cover import CoverPredictor
from drive.prediction.detection_figures import of_agents, partners
from drive.prediction.detection_truth import RoadUserTruth
from drive.prediction.figures import (
    SceneSums,
    as_futures,
    baseline_positions,
    displacement_figures,
    plausibility_figures,
)
from drive.prediction.intention import IntentionFutures, IntentionPredictor
from drive.prediction.intention_figures import intention_tables
from drive.prediction.joint import JointPredictor
from drive.prediction.occupancy import OccupancyPredictor
from drive.prediction.occupancy_figures import (
    flow_figure,
    forecasts_of,
    scene_occupancy_figures,
    scene_reliability,
)
from eval.forecasts.calibration import Reliability

EGO_GIVEN = "joint, ego given"  # what the ego will do is told
INDEPENDENT = "nobody looks at anybody"  # of task social: each by its own energies
JOINT = "joint"
CONSTANT_VELOCITY, RECORDING = "constant velocity", "recording"
CONSTANT_TURN_RATE, TRUE_ROUTE = "constant turn rate", "true route"
PERSISTENCE, MOTION_FIELD = "persistence", "motion field"
_NAMES = {"cv": CONSTANT_VELOCITY, "ctrv": CONSTANT_TURN_RATE, "route": TRUE_ROUTE}
_OF_OCCUPANCY = {
    "": "occupancy",
    "_warp": MOTION_FIELD,
    "_still": PERSISTENCE,
    "_cv": CONSTANT_VELOCITY,
}


@dataclass(frozen=True)
class Judgement:
    """Of a batch, by forecast: figures of each example, and tables `[b *c bins]` by name."""

    sums: dict[str, SceneSums]
    tables: dict[str, dict[str, Reliability]]


def judge(network: TaskNetwork, example: Example, marginal: bool) -> Judgement:
    """`marginal`: futures are ranked by each agent's own scores. Raises InputError for an observation
    that is not finite."""
    scene = observed_scene(example.observation)
    with torch.no_grad():
        if isinstance(network, SocialEnergy):
            return _judge_social(network, scene, example)
        if isinstance(network, OccupancyPredictor):
            return _judge_occupancy(network, scene, example)
        return _judge_trajectories(network, scene, example, marginal)


def _judge_trajectories(
    network: TaskNetwork, scene: VectorScene, example: Example, marginal: bool
) -> Judgement:
    tables: dict[str, dict[str, Reliability]] = {}
    if isinstance(network, IntentionPredictor):
        found, scene = _intentions(network, scene, example)
        learned = {network.task: found.futures}
        tables[network.task] = intention_tables(found.intention_logit, scene, example)
    elif isinstance(network, CoverPredictor):
        learned = {network.task: network.futures_of(network(scene))}
    else:
        assert isinstance(network, JointPredictor)
        learned = {network.task: network(scene), EGO_GIVEN: _ego_given(network, scene, example)}
    first = learned[network.task]
    sums = {
        row: _judged(futures, scene, example, marginal, first.logit.shape[1])
        for row, futures in (learned | _known_futures(scene, example, first.dt_s)).items()
    }
    return Judgement(sums, tables)


def _judge_social(network: SocialEnergy, scene: VectorScene, example: Example) -> Judgement:
    """The marginals where all look at one another, and where nobody does; and the joint forecast that their
    trajectories are made from. Errors are of the likeliest trajectories, overlaps of drawn ones."""
    model = SocialModel.of(network)
    thought = model.think(example.observation)
    sums: dict[str, SceneSums] = {}
    for row, mode in ((network.task, "social"), (INDEPENDENT, "nonsocial")):
        told = foretold_by(thought.reasoning, thought.setting.around.forecast, scene, mode)
        sums[row] = _judged(told.likeliest, scene, example, True, FUTURES, told.drawn)
    others = {JOINT: model.predictor(scene)} | _known_futures(scene, example, DT_S)
    sums |= {
        row: _judged(futures, scene, example, False, FUTURES) for row, futures in others.items()
    }
    return Judgement(sums, {})


def _intentions(
    network: IntentionPredictor, scene: VectorScene, example: Example
) -> tuple[IntentionFutures, VectorScene]:
    """What is said of the scene's agents; over sweeps of those who were detected: the others then count as
    not there."""
    if network.config.sensors == "tracks":
        return network(scene), scene
    assert example.sweeps is not None
    users, agents, said = network.detect(lidar_scene(example.observation, example.sweeps))
    truth = RoadUserTruth.of(scene, example.sweeps, network.config.grid)
    return of_agents(said, agents, partners(users, truth), scene)


def _judged(
    futures: JointFutures,
    scene: VectorScene,
    example: Example,
    marginal: bool,
    most: int,
    drawn: JointFutures | None = None,
) -> SceneSums:
    """`drawn`: what may overlap and leave the road, where that is not `futures`."""
    errors = displacement_figures(futures, scene, example, marginal, most)
    road = example.observation.map
    return errors | plausibility_figures(drawn or futures, scene, example, road)


def _ego_given(network: JointPredictor, scene: VectorScene, example: Example) -> JointFutures:
    """Where the recording holds all of the ego's future; elsewhere it is not told."""
    pose, valid = example.future.pose[:, 0], example.future.valid[:, 0]
    told = torch.where(valid.unsqueeze(-1), pose, 0.0)
    return network(scene, told, valid.all(dim=1).to(told.dtype))


def _known_futures(scene: VectorScene, example: Example, dt_s: float) -> dict[str, JointFutures]:
    """The baselines, and what happened: even that overlaps and leaves the road, as far as poses tell that are
    made of positions."""
    positions = {
        _NAMES[name]: position
        for name, position in baseline_positions(example, scene, dt_s).items()
    }
    points = positions[CONSTANT_VELOCITY].shape[2]
    future = example.future
    stays = scene.agent_pose[:, :, None, :2]
    there = future.valid[:, :, :points].unsqueeze(-1)
    positions[RECORDING] = torch.where(there, future.pose[:, :, :points, :2], stays)
    return {row: as_futures(position, scene, dt_s) for row, position in positions.items()}


def _judge_occupancy(
    network: OccupancyPredictor, scene: VectorScene, example: Example
) -> Judgement:
    config = network.config
    futures = network(seen_scene(example.observation, example.sweeps, config.sensors))
    truth = occupancy_truth(scene, example.future, config.points, config.grid)
    sums: dict[str, SceneSums] = {}
    tables: dict[str, dict[str, Reliability]] = {}
    for suffix, forecast in forecasts_of(futures, scene).items():
        row = _OF_OCCUPANCY[suffix]
        sums[row] = scene_occupancy_figures(forecast, truth, futures.dt_s)
        tables[row] = scene_reliability(forecast, truth, futures.dt_s)
    sums[MOTION_FIELD]["flow_mps"] = flow_figure(futures, truth)
    return Judgement(sums, tables)
