"""What the shipped networks have learnt, on generated scenes of the validation split."""

import math
from functools import cache

import numpy as np
import torch

from benchmarks.counterfactual import CHANGED_M, differences
from drive.features.example import Example, ExampleSpec, make_examples
from drive.features.vectors import vector_scene
from drive.networks.weights import load_network
from drive.prediction.joint import JointPredictor
from sim.geometry import se2
from sim.scenario import Lane, Scenario
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery

_BENDS_RAD = 0.5  # who turns by more than this turns off
_POINTS = 10  # of a future: 5 s


@cache
def _network() -> JointPredictor:
    return load_network(JointPredictor, "default")[0]


def _scenarios(*families: str, count: int) -> list[Scenario]:
    query = SourceQuery(split="val", families=families, count=count, duration_s=12.0)
    return [scenario for _, scenario in load(find(query))[0]]


def test_at_a_fork_some_futures_go_either_way() -> None:
    """Cars that come to where their lane parts: right on, or off to a side."""
    kept, taken = [], []
    scenarios = _scenarios("unsignalized_junction", "left_turn", count=8)
    for example in make_examples(scenarios, ExampleSpec(map=True)):
        scene = vector_scene(example.observation)
        with torch.no_grad():
            position = _network()(scene).position_m[..., :_POINTS, :]
        for world, number in enumerate(example.scenario.tolist()):
            for agent, ways in _before_forks(scenarios[number].map.lanes, example, world):
                kinds = {_way(future) for future in position[world, :, agent]}
                kept.append(len(kinds & ways) > 1)
                own = se2.inverse(scene.agent_pose[world, agent])
                truth = example.future.pose[world, agent, :_POINTS, :2]
                taken.append(_way(se2.transform_points(own, truth)) in kinds)
    assert len(kept) > 8
    assert np.mean(kept) > 0.5
    assert np.mean(taken) > 0.9


def test_who_gives_way_to_the_ego_gets_farther_if_it_brakes_and_who_follows_it_does_not() -> None:
    """The simulator goes on twice from one instant: who really gets farther, and who less far?"""
    refs = find(SourceQuery(benchmark="interactive-val", families=("zipper", "cut_in"), count=10))
    scenarios = [scenario for _, scenario in load(refs)[0]]
    truth_m, told = differences(scenarios, {"shipped": _network()}, until_s=3.5)
    for way, those in ((1.0, truth_m > CHANGED_M), (-1.0, truth_m < -CHANGED_M)):
        assert those.sum() >= 5
        assert (way * told["shipped"][those] > 0.0).float().mean() > 0.6
        assert (told["shipped"][those].mean() / truth_m[those].mean()) > 0.2


def _before_forks(lanes: list[Lane], example: Example, row: int) -> list[tuple[int, set[int]]]:
    """Who drives within 1.5 s of the end of a lane that goes on in several ways, and which these are."""
    forks = []
    for lane in lanes:
        ways = {_way(torch.from_numpy(lanes[k].centerline_m)) for k in lane.successors}
        if len(ways) > 1:
            forks.append((_end_pose(lane), ways))
    scene, seen = vector_scene(example.observation), example.observation.map
    assert seen is not None
    world = se2.compose(seen.world_SE2_ego.unsqueeze(1), scene.agent_pose)[row]
    speed = scene.velocity_mps[row].norm(dim=-1)
    moves = scene.agent_valid[row] & example.future.valid[row].all(dim=-1) & (speed > 3.0)
    found = []
    for agent in moves.nonzero().flatten().tolist():
        for end, ways in forks:
            x, y, yaw = se2.compose(se2.inverse(world[agent]), end).tolist()
            if agent and 2.0 < x < 1.5 * speed[agent] and abs(y) < 0.8 and abs(yaw) < 0.2:
                found.append((agent, ways))
    return found


def _end_pose(lane: Lane) -> torch.Tensor:
    x, y = lane.centerline_m[-1]
    before = lane.centerline_m[-2]
    return torch.tensor([x, y, math.atan2(y - before[1], x - before[0])], dtype=torch.float32)


def _way(line_m: torch.Tensor) -> int:
    """Whether a line turns off: 1 to the left, -1 to the right, 0 not."""
    (x0, y0), (x1, y1) = (line_m[1] - line_m[0]).tolist(), (line_m[-1] - line_m[-2]).tolist()
    turned = math.atan2(x0 * y1 - y0 * x1, x0 * x1 + y0 * y1)
    return 0 if abs(turned) < _BENDS_RAD else round(math.copysign(1, turned))
