"""Figures of forecasts by hand: two futures of a toy scene, in one of them everyone stands."""

import pytest
import torch
from torch import Tensor

from drive.features.example import Example, ExampleSpec, concatenated, make_examples
from drive.features.vectors import VectorScene, vector_scene
from drive.networks.joint_head import JointFutures
from drive.prediction.figures import as_futures, displacement_figures, plausibility_figures
from tests.drive.scenes import toy_examples, toy_scenario


def _stand_or_go(scene: VectorScene, prefer_to_go: Tensor) -> JointFutures:
    """Future 0: all stand. Future 1: all go on as they do. Of 0.75 and 0.25, the other way for some."""
    time_s = 0.5 * torch.arange(1, 13)
    ahead = scene.velocity_mps.norm(dim=-1)[:, :, None] * time_s
    goes = torch.stack((ahead, torch.zeros_like(ahead)), dim=-1)
    high = torch.log(torch.where(prefer_to_go, 0.75, 0.25))
    low = torch.log(torch.where(prefer_to_go, 0.25, 0.75))
    return JointFutures(
        torch.stack((torch.zeros_like(goes), goes), dim=1), torch.stack((low, high), dim=1), 0.5
    )


def test_errors_of_each_scene() -> None:
    example = toy_examples()
    scene = vector_scene(example.observation)
    nobody = torch.zeros_like(scene.agent_valid)
    found = displacement_figures(_stand_or_go(scene, nobody), scene, example, False, 2)
    # The others go at 6, 8 and 1 m/s: who says that they stand is wrong by the speed times 2.75 s on
    # average over 5 s, by the speed times 5 s at their end. The second future is right.
    expected = {
        "ADE1": 15 * 2.75, "FDE1": 15 * 5.0, "miss1": 3, "minADE2": 0, "minFDE5": 0, "miss5": 0,
        "brier2": 3 * 0.75**2, "jointADE2": 0,
    }  # fmt: skip
    for name, value in expected.items():
        total, number = found[name]
        torch.testing.assert_close(total, torch.full((5,), float(value)), atol=2e-3, rtol=1e-3)
        assert number.tolist() == [1 if name == "jointADE2" else 3] * 5, name


def test_ranked_by_the_scene_or_by_each_agent() -> None:
    example = toy_examples()
    scene = vector_scene(example.observation)
    fast = scene.velocity_mps.norm(dim=-1) > 5.5
    futures = _stand_or_go(scene, fast)
    each, _ = displacement_figures(futures, scene, example, True, 2)["ADE1"]
    # Only somebody on foot, at 1 m/s, is wrongly said to stand.
    torch.testing.assert_close(each, torch.full((5,), 2.75), atol=2e-3, rtol=1e-3)
    whole, _ = displacement_figures(futures, scene, example, False, 2)["ADE1"]
    # Where the ego drives at 10 m/s, three of four say that all go; where it drives at 5 m/s, two: a tie.
    assert whole[example.scenario == 0].max() < 2e-3


def test_who_overlaps() -> None:
    example = toy_examples()
    scene = vector_scene(example.observation)
    nobody = torch.zeros_like(scene.agent_valid)
    total, number = plausibility_figures(_stand_or_go(scene, nobody), scene, example, None)[
        "overlap"
    ]
    # At 10 m/s the ego runs into the car 20 m ahead, at 6 m/s, within 4 s; at 5 m/s it never does. Who
    # stands touches nobody.
    assert total.tolist() == (example.scenario == 0).float().tolist()
    assert number.tolist() == [2] * 5


def test_who_leaves_the_road() -> None:
    spec = ExampleSpec(num_agents=4, map=True)
    example: Example = next(make_examples([toy_scenario()], spec))
    scene = vector_scene(example.observation)
    straight = torch.tensor([1.0, 0.0]) * torch.arange(1, 13)[:, None]
    aside = torch.tensor([0.0, 10.0]) * torch.arange(1, 13)[:, None]
    both = torch.stack((straight, aside)).unsqueeze(1).expand(2, 4, 12, 2)
    futures = JointFutures(both[None], torch.zeros(1, 2, 4), 0.5)
    found = plausibility_figures(futures, scene, example, example.observation.map)
    # Two cars beside the ego; somebody on foot may go where he likes. Half of their futures leave the road.
    assert [v.item() for v in found["offroad"]] == [1.0, 2]


def test_positions_become_futures_in_each_agents_frame() -> None:
    example = concatenated(list(make_examples([toy_scenario()], ExampleSpec(num_agents=4))))
    scene = vector_scene(example.observation)
    points = example.future.pose[:, :, :10, :2]
    found = displacement_figures(as_futures(points, scene, 0.5), scene, example, False, 1)
    assert found["ADE1"][0].max().item() == pytest.approx(0.0, abs=1e-4)
    assert found["brier1"][0].max().item() == pytest.approx(0.0, abs=1e-4)
