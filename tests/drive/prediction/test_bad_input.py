"""What networks say of observations that lack something, or are damaged."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drive.networks.weights import TaskNetwork
from drive.prediction.cover import CoverConfig, CoverPredictor
from drive.prediction.intention import IntentionConfig, IntentionPredictor
from drive.prediction.joint import JointConfig, JointPredictor
from drive.prediction.occupancy import OccupancyConfig, OccupancyPredictor
from sim import trees
from sim.errors import InputError
from sim.interface import Observation
from tests.drive.scenes import toy_examples

_IMAGE = {"width": 8, "resolution_m": 2.0, "num_x": 32, "num_y": 32}
Asked = tuple[TaskNetwork, Callable[[Observation], list[Tensor]]]


def _joint() -> Asked:
    network = JointPredictor(JointConfig(width=8, heads=2, pair_width=4, encoder_layers=1)).eval()

    def ask(observation: Observation) -> list[Tensor]:
        joint, each = network.predict_joint(observation), network.predict_each(observation)
        return [joint.pose, joint.probability, each.position_m]

    return network, ask


def _intention() -> Asked:
    network = IntentionPredictor(IntentionConfig(**_IMAGE)).eval()
    return network, lambda o: [
        network.predict_each(o).position_m,
        network.predict_intention(o).logit,
    ]


def _cover() -> Asked:
    network = CoverPredictor(CoverConfig(**_IMAGE, trajectories=7)).eval()
    return network, lambda o: [
        network.predict_each(o).position_m,
        network.predict_each(o).probability,
    ]


def _occupancy() -> Asked:
    network = OccupancyPredictor(OccupancyConfig(**_IMAGE, cell_width=8, points=2)).eval()
    return network, lambda o: [network.predict_occupancy(o).probability]


NETWORKS = {"joint": _joint, "intention": _intention, "cover": _cover, "occupancy": _occupancy}


def _none(valid: Tensor) -> Tensor:
    return torch.zeros_like(valid)


def _nobody_else(o: Observation) -> Observation:
    assert o.history is not None
    return replace(
        o,
        agents=trees.map_tensors(lambda t: t[:, :0], o.agents),
        history=trees.map_tensors(lambda t: t[:, :1], o.history),
    )


def _all_padded(o: Observation) -> Observation:
    """And what is padded holds NaN."""
    assert o.history is not None
    nan = torch.full_like(o.agents.pose, torch.nan)
    return replace(o, agents=replace(o.agents, pose=nan, valid=_none(o.agents.valid)))


def _no_map(o: Observation) -> Observation:
    assert o.lanes is not None
    return replace(
        o,
        lanes=trees.map_tensors(lambda t: t[:, :0], o.lanes),
        route=replace(o.route, length_m=torch.zeros_like(o.route.length_m)),
    )


def _one_instant(o: Observation) -> Observation:
    assert o.history is not None
    return replace(o, history=trees.map_tensors(lambda t: t[:, :, -1:], o.history))


@pytest.mark.parametrize("task", NETWORKS)
@pytest.mark.parametrize("lacking", [_nobody_else, _all_padded, _no_map, _one_instant])
def test_what_is_lacking_gives_finite_answers(
    task: str, lacking: Callable[[Observation], Observation]
) -> None:
    _, ask = NETWORKS[task]()
    with torch.no_grad():
        for answer in ask(lacking(toy_examples().observation)):
            assert torch.isfinite(answer).all()


@pytest.mark.parametrize("task", NETWORKS)
def test_a_nan_that_counts_is_one_clear_line(task: str) -> None:
    _, ask = NETWORKS[task]()
    observation = toy_examples().observation
    assert observation.history is not None
    velocity = observation.history.velocity_mps.clone()
    velocity[3, 1, -1] = torch.nan
    damaged = replace(observation, history=replace(observation.history, velocity_mps=velocity))
    with pytest.raises(
        InputError, match="history_velocity_mps of world 3 holds a value that is not"
    ):
        ask(damaged)


def test_an_ego_future_that_is_not_finite_is_refused() -> None:
    network, _ = _joint()
    assert isinstance(network, JointPredictor)
    future = torch.zeros(5, 12, 3)
    future[2, 4, 1] = torch.inf
    with pytest.raises(InputError, match="ego_future of world 2"):
        network.predict_joint(toy_examples().observation, future)
