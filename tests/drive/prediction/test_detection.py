"""Detection with intentions: who is to be found in sweeps, what cells should say, what becomes of it."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drive.features.occupancy import CLASSES
from drive.features.sweeps import GRID, packed
from drive.features.vectors import VectorScene, vector_scene
from drive.networks.joint_head import JointFutures
from drive.perception.assignment import NOBODY
from drive.perception.detections import Detections
from drive.perception.detector.box_code import encode
from drive.prediction.detection_figures import matched_frames, of_agents, partners
from drive.prediction.detection_head import RoadUserMaps, RoadUsers, as_agents, road_users
from drive.prediction.detection_truth import RoadUserTruth, road_user_losses
from drive.prediction.intention import IntentionConfig, IntentionFutures, IntentionPredictor
from eval.metrics.detection import Matched
from sim import trees
from sim.errors import InputError
from sim.interface import Observation
from sim.scenario import AgentKind
from tests.drive.scenes import LIDAR_SPEC, toy_examples

GROUND, LOW, MIDDLE, HIGH = range(4)
SMALL = IntentionConfig(width=16, futures=3, num_x=96, num_y=32, behind_m=12.8, sensors="lidar")
Row = tuple[float, float, float, float, float, AgentKind]  # x, y, yaw, length, width


def _scene(others: list[Row]) -> VectorScene:
    """An ego and these, who drive at 6 m/s."""
    first = trees.take(toy_examples(), torch.zeros(1, dtype=torch.long))
    rows = torch.tensor([row[:5] for row in others]).unsqueeze(0)
    kind = torch.tensor([[int(row[5]) for row in others]])
    x, y, yaw, length, width = rows.unbind(-1)
    box = torch.stack((x, y, torch.zeros_like(x), length, width, torch.ones_like(x), yaw), dim=-1)
    scene = vector_scene(first.observation)
    velocity = torch.stack((yaw.cos(), yaw.sin()), dim=-1) * 6.0
    return as_agents(scene, box, kind, velocity, torch.ones_like(kind, dtype=torch.bool))


def _sweeps(returns: list[tuple[int, float, float]]) -> Tensor:
    """Of now and before, with returns in slices (those of earlier sweeps count on) at x, y."""
    bits = torch.zeros(1, 12, *GRID.shape, dtype=torch.bool)
    for level, x_m, y_m in returns:
        bits[0, level, int((x_m + 40.0) // 0.8), int((y_m + 44.8) // 0.8)] = True
    return packed(bits)


CAR, WALKER, THING = AgentKind.VEHICLE, AgentKind.PEDESTRIAN, AgentKind.OBJECT


def test_who_threw_back_a_return_is_to_be_found() -> None:
    scene = _scene([
        (20.0, 0.0, 0.0, 4.5, 1.8, CAR),  # hit on its rear
        (20.0, 8.0, math.pi / 2, 4.5, 1.8, CAR),  # by the ground around it, above it, and 0.5 s ago
        (9.7, -6.1, 0.0, 0.6, 0.6, WALKER),  # in the cell beside that of its centre
        (30.0, -6.0, 0.0, 1.0, 1.0, THING),
        (95.0, 0.0, 0.0, 4.5, 1.8, CAR),  # beyond the grid, which ends at 88 m
    ])  # fmt: skip
    sweeps = _sweeps([
        (LOW, 17.7, 0.3), (GROUND, 20.0, 8.0), (HIGH, 20.0, 8.0), (4 + LOW, 20.0, 8.0),
        (MIDDLE, 9.5, -6.1), (LOW, 30.0, -6.0),
    ])  # fmt: skip
    truth = RoadUserTruth.of(scene, sweeps, GRID)
    assert truth.findable.tolist() == [[False, True, False, True, False, False]]
    assert truth.excused.tolist() == [[False, False, True, False, False, True]]
    assert truth.reach_m.tolist() == [math.inf]
    assert [CLASSES[k] for k in truth.label[0, 1:4]] == [CAR, CAR, WALKER]
    # A box of the usual height stands on the ground.
    torch.testing.assert_close(truth.box[0, 1], torch.tensor((20.0, 0.0, 0.8, 4.5, 1.8, 1.6, 0.0)))
    # A little farther from the pedestrian there is a return of something else.
    beside = RoadUserTruth.of(scene, _sweeps([(LOW, 8.7, -6.1)]), GRID)
    assert not beside.findable.any()


def test_cells_around_who_is_excused_do_not_count() -> None:
    scene = _scene([(20.0, 0.0, 0.0, 4.5, 1.8, CAR), (20.0, 8.0, 0.0, 4.5, 1.8, CAR)])
    target = RoadUserTruth.of(scene, _sweeps([(LOW, 20.0, 0.0)]), GRID).targets(GRID)
    assert target.told.any(dim=2).tolist() == [[False, True, False]]
    ignored = (~target.counts[0]).nonzero().float()
    # Centres of cells within 4.5 + 1.6 m along x and 1.8 + 1.6 m along y: 7.6 and 4.25 cells.
    x_m, y_m = GRID.center_m(ignored[:, 0], ignored[:, 1])
    assert len(ignored) in (7 * 4, 8 * 4, 8 * 5, 7 * 5)
    assert ((x_m - 20.0).abs() <= 3.05).all() and ((y_m - 8.0).abs() <= 1.7).all()
    # Who stands that near is asked for even so.
    near = _scene([(20.0, 0.0, 0.0, 4.5, 1.8, CAR), (20.0, 1.7, 0.0, 4.5, 0.6, CAR)])
    target = RoadUserTruth.of(near, _sweeps([(LOW, 20.0, -0.6)]), GRID).targets(GRID)
    assert target.counts[0][target.heat[0] == 1.0].tolist() == [True]
    assert not target.counts[0].all()


def test_beyond_the_farthest_of_as_many_as_an_example_holds_nothing_is_known() -> None:
    row = [(5.0 + k, 0.0, 0.0, 1.0, 1.0, WALKER) for k in range(31)]
    truth = RoadUserTruth.of(_scene(row), _sweeps([(LOW, 5.0, 0.0)]), GRID)
    assert truth.reach_m.tolist() == [35.0]
    counts = truth.targets(GRID).counts[0]
    # 10.8 m to the side centres up to 33.29 m ahead are as near, that of cell 91 lies at 33.2 m; 3.6 m to the
    # side up to 34.81 m, and that of cell 93 at 34.8 m.
    assert counts[:, 69].nonzero().max() == 91
    assert counts[:, 60].nonzero().max() == 93
    fewer = RoadUserTruth.of(_scene(row[:30]), _sweeps([(LOW, 5.0, 0.0)]), GRID)
    assert fewer.reach_m.tolist() == [math.inf]


def _maps(box: Tensor, label: int, off: float = 0.0) -> RoadUserMaps:
    """Cells around the centre of one box say what it is, `off` by so much in each number that faces."""
    code, i, j = encode(box, GRID)
    maps = RoadUserMaps(
        torch.full((1, *GRID.shape), -20.0),
        torch.zeros(1, *GRID.shape, 8),
        torch.zeros(1, *GRID.shape, 3),
        torch.zeros(1, *GRID.shape, 2),
        torch.zeros(1, *GRID.shape, 2),
    )
    maps.logit[0, int(i), int(j)] = 3.0
    for u in (-1, 0, 1):
        for v in (-1, 0, 1):
            cell = (0, int(i) + u, int(j) + v)
            maps.code[cell] = code - torch.tensor((u, v, *(0.0,) * 6))
            maps.facing[cell] = torch.stack((box[6].sin(), box[6].cos())) + off
            maps.velocity_mps[cell] = 6.0 * torch.stack((box[6].cos(), box[6].sin())) + off
            maps.class_logit[(*cell, label)] = 20.0
    return maps


def test_losses_of_class_facing_and_velocity_by_hand() -> None:
    scene = _scene([(20.3, 0.1, 2.5, 4.5, 1.8, CAR)])
    truth = RoadUserTruth.of(scene, _sweeps([(LOW, 20.3, 0.1)]), GRID)
    right = road_user_losses(_maps(truth.box[0, 1], 0), truth, GRID)
    for name in ("box", "class", "facing", "velocity"):
        assert float(right[name]) == pytest.approx(0.0, abs=1e-5)
    # Off by 0.1 in sine and cosine, and by 0.1 m/s both ways, in units of 10 m/s; as sure of a pedestrian:
    # 20 nats; half of each is in the sum.
    wrong = road_user_losses(_maps(truth.box[0, 1], 1, 0.1), truth, GRID)
    assert float(wrong["facing"]) == pytest.approx(0.2, abs=1e-5)
    assert float(wrong["class"]) == pytest.approx(20.0, abs=1e-4)
    assert float(wrong["velocity"]) == pytest.approx(0.02, abs=1e-5)
    added = float(wrong["detection"] - right["detection"])
    assert added == pytest.approx(0.5 * 20.22, abs=1e-4)


@pytest.mark.parametrize("yaw_rad", [0.3, 2.5, -2.0, 1.6, -3.1])
def test_boxes_face_the_way_that_is_said(yaw_rad: float) -> None:
    box = torch.tensor((20.3, 0.1, 0.8, 4.5, 1.8, 1.6, yaw_rad))
    maps = _maps(box, 2, 0.2)
    users = road_users(maps, torch.tensor([True]), GRID)
    assert users.there.sum() == 1 and users.kind[0, 0] == AgentKind.CYCLIST
    torch.testing.assert_close(users.detections.box[0, 0], box, atol=1e-4, rtol=1e-4)
    expected = (6.0 * math.cos(yaw_rad) + 0.2, 6.0 * math.sin(yaw_rad) + 0.2)
    torch.testing.assert_close(users.velocity_mps[0, 0], torch.tensor(expected))
    assert not road_users(maps, torch.tensor([False]), GRID).there.any()


def _users(box: Tensor, score: Tensor) -> RoadUsers:
    """Cars that stand."""
    zero = torch.zeros(1, box.shape[1], 3)
    return RoadUsers(Detections(box, score), zero, zero[..., :2])


def _found(scene: VectorScene, users: RoadUsers) -> VectorScene:
    box, there = users.detections.box, users.there
    return as_agents(scene, box, users.kind, users.velocity_mps, there)


def test_what_is_said_of_detections_returns_to_whose_they_are() -> None:
    scene = _scene([(20.0, 0.0, 0.0, 4.5, 1.8, CAR), (40.0, 0.0, 0.0, 4.5, 1.8, CAR)])
    truth = RoadUserTruth.of(scene, _sweeps([(LOW, 20.0, 0.0), (LOW, 40.0, 0.0)]), GRID)
    size = (0.8, 4.5, 1.8, 1.6)
    box = torch.tensor([
        (30.0, 0.0, *size, 0.0), (20.5, 0.0, *size, math.pi / 2), (21.0, 0.0, *size, 0.0),
        (40.0, 0.0, *size, 0.0),
    ]).unsqueeze(0)  # fmt: skip
    score = torch.tensor([[0.9, 0.8, 0.7, 0.0]])  # the last one is none
    users = _users(box, score)
    partner = partners(users, truth)
    assert partner.tolist() == [[1, NOBODY]]
    position = torch.zeros(1, 1, 5, 2, 2)
    position[0, 0, 2, :, 0] = torch.tensor(
        (1.0, 2.0)
    )  # the second detection goes on along its heading
    logit = torch.arange(5.0).reshape(1, 1, 5)
    said = IntentionFutures(JointFutures(position, logit, 0.5), torch.arange(5.0).reshape(1, 5, 1))
    told, seen = of_agents(said, _found(scene, users), partner, scene)
    assert seen.agent_valid.tolist() == [[True, True, False]]
    torch.testing.assert_close(seen.velocity_mps[0, 1], torch.tensor((6.0, 0.0)))
    expected = torch.tensor(((0.5, 1.0), (0.5, 2.0)))
    torch.testing.assert_close(told.futures.position_m[0, 0, 1], expected)
    assert told.futures.logit[0, 0, :2].tolist() == [0.0, 2.0]
    assert told.intention_logit[0, :2, 0].tolist() == [0.0, 2.0]
    # The surest is at neither; the second takes the car that the third is then too late for.
    near = Matched.joined(matched_frames(users, truth)["AP_2m"])
    assert near.right.tolist() == [False, True, False] and near.true == 2


def test_who_is_excused_is_neither_missed_nor_wrongly_found() -> None:
    scene = _scene([(20.0, 0.0, 0.0, 4.5, 1.8, CAR), (40.0, 0.0, 0.0, 4.5, 1.8, CAR)])
    truth = RoadUserTruth.of(scene, _sweeps([(LOW, 20.0, 0.0)]), GRID)
    box = truth.box[:, 1:]
    users = _users(box, torch.tensor([[0.9, 0.8]]))
    for frames in matched_frames(users, truth).values():
        matched = Matched.joined(frames)
        assert matched.right.tolist() == [True] and matched.true == 1


def _network() -> IntentionPredictor:
    """Untrained, but sure that there is somebody everywhere."""
    torch.manual_seed(0)
    network = IntentionPredictor(SMALL).eval()
    with torch.no_grad():
        network.detection.say.bias[0] = 4.0
    return network


def _all_nan(observation: Observation) -> Observation:
    agents, history = observation.agents, observation.history
    assert history is not None
    nan = torch.full_like(agents.pose, torch.nan)
    pose, velocity = history.pose.clone(), history.velocity_mps.clone()
    pose[:, 1:], velocity[:, 1:] = torch.nan, torch.nan
    return replace(
        observation,
        agents=replace(agents, pose=nan, velocity_mps=nan[..., :2], size_m=nan[..., :2]),
        history=replace(history, pose=pose, velocity_mps=velocity),
    )


def test_nobodys_track_is_looked_at() -> None:
    network, example = _network(), toy_examples(LIDAR_SPEC)
    assert example.sweeps is not None
    with torch.no_grad():
        first = network.predict_detected(example.observation, example.sweeps)
        second = network.predict_detected(_all_nan(example.observation), example.sweeps)
    assert (first.detections.score > 0).sum() > 20
    assert first.forecast.position_m.shape == (*first.kind.shape, 3, 12, 2)
    assert torch.isfinite(first.forecast.position_m).all()
    torch.testing.assert_close(first.forecast.probability.sum(dim=2), torch.ones(first.kind.shape))
    assert first.intention.logit.shape == (*first.kind.shape, 8)
    for a, b in (
        (first.detections.box, second.detections.box),
        (first.forecast.position_m, second.forecast.position_m),
        (first.intention.logit, second.intention.logit),
    ):
        assert torch.equal(a, b)


def test_an_empty_sweep_holds_nobody() -> None:
    network, example = _network(), toy_examples(LIDAR_SPEC)
    assert example.sweeps is not None
    sweeps = example.sweeps.clone()
    sweeps[1:, :4] = 0  # but for what it saw earlier
    with torch.no_grad():
        found = network.predict_detected(example.observation, sweeps)
    assert (found.detections.score > 0).any(dim=1).tolist() == [True, *[False] * 4]
    assert torch.isfinite(found.forecast.position_m).all()


def test_weights_of_one_sensor_are_not_asked_about_the_other() -> None:
    example = toy_examples(LIDAR_SPEC)
    assert example.sweeps is not None
    with pytest.raises(InputError, match=r"see lidar, where tracks .* --sensors tracks"):
        _network().predict_each(example.observation)
    with pytest.raises(InputError, match="see lidar"):
        _network().predict_intention(example.observation)
    tracks = IntentionPredictor(replace(SMALL, sensors="tracks"))
    with pytest.raises(InputError, match="see tracks, where lidar"):
        tracks.predict_detected(example.observation, example.sweeps)


def test_what_the_ego_is_told_of_itself_must_be_finite() -> None:
    network, example = _network(), toy_examples(LIDAR_SPEC)
    history = example.observation.history
    assert example.sweeps is not None and history is not None
    velocity = history.velocity_mps.clone()
    velocity[2, 0, -1] = torch.nan
    damaged = replace(example.observation, history=replace(history, velocity_mps=velocity))
    with pytest.raises(InputError, match="of world 2 holds a value that is not finite"):
        network.predict_detected(damaged, example.sweeps)
