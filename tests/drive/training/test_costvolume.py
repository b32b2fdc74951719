"""Max-margin over a cost volume: its negatives, its margins, and that it can learn."""

from dataclasses import replace

import pytest
import torch

from drive.features.example import Example
from drive.features.vectors import vector_scene
from drive.planning.candidates import Candidates
from drive.planning.experts import demonstration
from drive.training.config import CostVolumeTrainConfig
from drive.training.config_check import check
from sim import trees
from sim.errors import InputError
from tests.drive.scenes import toy_examples

pytest.importorskip("lightning")
from drive.training.costvolume import CostVolumeTask, off_lanes

CONFIG = CostVolumeTrainConfig(
    width=8, resolution_m=1.5, num_x=54, num_y=28, candidates=64, mask_motion=0.0
)


@pytest.fixture(scope="module")
def example() -> Example:
    """The ego at 5 m/s behind a car at 6 m/s."""
    return trees.take(toy_examples(), torch.full((1,), 3))


def _task(config: CostVolumeTrainConfig = CONFIG) -> CostVolumeTask:
    torch.manual_seed(0)
    return CostVolumeTask(config)


def _straight_on(*offsets_m: float) -> Candidates:
    """At 10 m/s, beside the ego's way."""
    trajectory = torch.zeros(1, len(offsets_m), 10, 5)
    trajectory[..., 0] = 5.0 * torch.arange(1, 11)
    trajectory[..., 1] = torch.tensor(offsets_m).unsqueeze(1)
    return Candidates(trajectory, torch.ones(1, len(offsets_m), dtype=torch.bool))


def test_rules_are_broken_off_the_lanes(example: Example) -> None:
    """Lanes lie at 0 and 4 m to the left; nothing is said of what is out of sight."""
    off = off_lanes(example.observation, _straight_on(0.0, 3.6, -2.8, 6.6, 300.0))
    assert off.mean(dim=2).tolist() == [[0.0, 0.0, 1.0, 1.0, 0.0]]


def test_margins_by_hand(example: Example) -> None:
    """At 10 m/s it gets 2.5 m further from who drove at 5 in each instant. It hits the car 22 m ahead at
    6 m/s when 18 m between them are gone, after 4.5 s; 2.8 m to the right of it, it is off the lanes."""
    candidates = _straight_on(0.0, -2.8)
    driven, _ = demonstration(example)
    ahead, aside = _task()._margin(example, candidates, driven)[0]
    further_m = 2.5 * torch.arange(1.0, 11.0)
    hits = torch.tensor([0.0] * 8 + [1.0] * 2)
    torch.testing.assert_close(ahead, 0.2 * further_m + 5.0 * hits, atol=0.02, rtol=0.0)
    gap_m = torch.hypot(further_m, torch.tensor(2.8))
    torch.testing.assert_close(aside, 0.2 * gap_m + 5.0, atol=0.02, rtol=0.0)


def test_negatives_are_drawn_anew_and_valid_ones_first(example: Example) -> None:
    task = _task()
    first, again, other = (
        task._negatives(example.observation, torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert first.num == 2 * CONFIG.candidates
    assert torch.equal(first.trajectory, again.trajectory)
    assert not torch.equal(first.trajectory[:, :64], other.trajectory[:, :64])
    assert not torch.equal(first.trajectory[:, 64:], other.trajectory[:, 64:])
    assert first.valid[:, :64].all()
    speed = example.observation.ego.speed_mps
    start_mps = first.trajectory[0, 64:, 0, 0] / 0.5
    share = ((start_mps - speed).abs() > 2.0).float().mean()  # beyond what 5 m/s2 make of it
    assert 0.4 < share < 0.9


def test_it_learns_by_heart_what_was_driven(example: Example) -> None:
    task = _task()
    optimizer = torch.optim.Adam(task.network.parameters(), 3e-3)

    def worst() -> float:
        with torch.no_grad():
            return float(task.losses(example, torch.Generator().manual_seed(99))["loss"])

    def misses_m() -> float:
        with torch.no_grad():
            total, count = task.figures(example)["L2_5s"]
        return float(total / count)

    first, first_m = worst(), misses_m()
    for step in range(60):
        optimizer.zero_grad()
        task.losses(example, torch.Generator().manual_seed(step))["loss"].backward()
        optimizer.step()
    last, last_m = worst(), misses_m()
    assert last < 0.3 * first
    assert last_m < 2.0 < 5.0 < first_m


@pytest.mark.parametrize("mask_motion", [0.0, 1.0])
def test_the_motion_of_the_ego_is_hidden_in_the_share_that_is_asked(
    example: Example, mask_motion: float
) -> None:
    """The loss depends on the ego's past only where that is not hidden."""
    task = _task(replace(CONFIG, mask_motion=mask_motion))
    torch.nn.init.normal_(task.network.head.weight)
    history = example.observation.history
    assert history is not None
    pose = history.pose.clone()
    pose[:, 0, :-1, 1] += 3.0
    observation = replace(example.observation, history=replace(history, pose=pose))
    # The frozen forecast sees the ego's past as well: hold it still.
    foretold = task._foretold(example.observation, vector_scene(example.observation))
    task._foretold = lambda *_: foretold  # type: ignore[method-assign]
    a, b = (
        task.losses(e, torch.Generator().manual_seed(0))["loss"].item()
        for e in (example, replace(example, observation=observation))
    )
    assert (a == b) == (mask_motion == 1.0)


def test_inside_the_sum_no_instant_pays_for_another(example: Example) -> None:
    inside, outside = (
        _task(replace(CONFIG, relu_inside=switch))
        .losses(example, torch.Generator().manual_seed(0))["loss"]
        .item()
        for switch in (True, False)
    )
    assert inside > outside > 0.0


@pytest.mark.parametrize(
    ("name", "value"),
    [("mask_motion", 1.5), ("random_speeds", -0.1), ("candidates", 0), ("rule_margin", -1.0)],
)
def test_options_have_bounds(name: str, value: float) -> None:
    config = replace(CONFIG, data=("store",), **{name: value})
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')}: must be"):
        check(config)
