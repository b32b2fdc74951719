"""The joint predictor: what must not change a forecast, and what must."""

from dataclasses import replace

import pytest
import torch

from drive.features.example import ExampleSpec
from drive.features.vectors import VectorScene, vector_scene
from drive.prediction.joint import JointConfig, JointPredictor, headings, poses_in_scene
from sim import trees
from sim.geometry import se2
from tests.drive.scenes import toy_examples

TINY = JointConfig(width=16, heads=2, pair_width=8, encoder_layers=1, futures=3)


def _network(dtype: torch.dtype = torch.float32) -> JointPredictor:
    """With random weights everywhere, so that nothing is nearly zero at the start."""
    torch.manual_seed(0)
    network = JointPredictor(TINY)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.to(dtype).eval()


def _scene(spec: ExampleSpec | None = None) -> VectorScene:
    return vector_scene(toy_examples(spec or ExampleSpec(num_agents=5)).observation)


def _double(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def test_the_frame_of_the_scene_changes_nothing() -> None:
    scene = trees.map_tensors(_double, _scene())
    # Nobody exactly midway between two points of a lane: rounding would decide which is nearer.
    aside = torch.rand(scene.agent_pose.shape, generator=torch.Generator().manual_seed(0))
    scene = replace(scene, agent_pose=scene.agent_pose + 0.3 * aside)
    turned = torch.tensor([30.0, -20.0, 2.0], dtype=torch.float64).expand(5, 3)
    ego = torch.tensor([[5.0, 0.1, 0.05]], dtype=torch.float64) * torch.arange(1, 13).unsqueeze(1)
    ego = ego.expand(5, -1, -1)
    network = _network(torch.float64)
    here = network(scene, ego)
    there = network(scene.moved(turned), se2.compose(turned.unsqueeze(1), ego))
    valid = scene.agent_valid[:, None, :, None, None].expand_as(here.position_m)
    torch.testing.assert_close(here.position_m[valid], there.position_m[valid])
    torch.testing.assert_close(here.logit, there.logit)
    # And what is handed out moves with the scene.
    pose = poses_in_scene(scene, here.position_m)
    moved = poses_in_scene(scene.moved(turned), there.position_m)
    expected = se2.compose(turned[:, None, None, None], pose)
    torch.testing.assert_close(moved[..., :2], expected[..., :2])


def test_padding_changes_nothing() -> None:
    network = _network()
    narrow, wide = _scene(ExampleSpec(num_agents=4)), _scene(ExampleSpec(num_agents=9))
    a, b = network(narrow), network(wide)
    torch.testing.assert_close(a.position_m, b.position_m[:, :, :4], rtol=0, atol=1e-4)
    torch.testing.assert_close(a.logit, b.logit[:, :, :4], rtol=0, atol=1e-4)


def test_the_order_of_the_others_changes_nothing() -> None:
    network, scene = _network(), _scene(ExampleSpec(num_agents=4))
    swap = torch.tensor([0, 3, 1, 2])
    of_agents = {
        name: getattr(scene, name)[:, swap]
        for name in scene.__dataclass_fields__
        if name.startswith(("agent", "history"))
    }
    a, b = network(scene), network(replace(scene, **of_agents))
    torch.testing.assert_close(a.position_m[:, :, swap], b.position_m, rtol=0, atol=1e-4)


@pytest.mark.parametrize("what", ["nobody", "no map", "no history"])
def test_what_is_missing_gives_finite_futures_and_gradients(what: str) -> None:
    scene = _scene()
    none = torch.zeros_like
    if what == "nobody":
        scene = replace(scene, agent_valid=none(scene.agent_valid))
    elif what == "no map":
        scene = replace(
            scene,
            line_valid=none(scene.line_valid),
            line_point_valid=none(scene.line_point_valid),
        )
    else:
        scene = replace(scene, history_valid=none(scene.history_valid))
    network = _network()
    futures = network(scene)
    (futures.position_m.sum() + futures.logit.sum()).backward()
    assert torch.isfinite(futures.position_m).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_the_egos_future_is_a_condition_of_the_others() -> None:
    network, scene = _network(), _scene()
    stays = torch.zeros(5, 12, 3)
    none, unknown = network(scene), network(scene, stays, torch.zeros(5))
    torch.testing.assert_close(none.position_m, unknown.position_m)
    known = network(scene, stays)
    others = scene.agent_valid[:, None, 1:].expand(-1, 3, -1)
    moved = (known.position_m - none.position_m).norm(dim=-1).amax(dim=-1)[:, :, 1:]
    assert (moved[others] > 1e-4).all()


def test_what_is_foretold_of_each_plan_is_what_is_foretold_given_it() -> None:
    """And untrained, a plan changes nothing."""
    observation = toy_examples().observation
    plans = torch.randn(5, 3, 12, 3)
    with torch.no_grad():
        new = JointPredictor(TINY).eval()
        without, unmoved = new.predict_joint(observation), new.predict_given(observation, plans)
        assert torch.allclose(unmoved.pose[1::3], without.pose, atol=1e-5)
        network = _network()
        told = network.predict_given(observation, plans)
        for number in range(3):
            alone = network.predict_joint(observation, plans[:, number])
            assert torch.allclose(told.pose[number::3, ..., :2], alone.pose[..., :2], atol=1e-3)
            assert torch.allclose(told.probability[number::3], alone.probability, atol=1e-4)
    assert (told.pose[::3] - told.pose[1::3]).abs().max() > 0.1


def test_forecasts_have_probabilities_and_the_egos_frame() -> None:
    example = toy_examples()
    network = _network()
    joint, each = (
        network.predict_joint(example.observation),
        network.predict_each(example.observation),
    )
    assert joint.pose.shape == (5, 3, 4, 12, 3)
    torch.testing.assert_close(joint.probability.sum(dim=1), torch.ones(5))
    assert each.position_m.shape == (5, 3, 3, 12, 2)
    torch.testing.assert_close(each.probability.sum(dim=2), torch.ones(5, 3))
    torch.testing.assert_close(joint.pose[:, 1, 2, :, :2], each.position_m[:, 1, 1])


def test_headings_follow_the_motion_and_are_held_while_standing() -> None:
    # East, north, stand, west: 0, 90, 90, 180 degrees.
    place = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 1.1], [0.0, 1.1]])
    expected = torch.tensor([0.0, torch.pi / 2, torch.pi / 2, torch.pi])
    torch.testing.assert_close(headings(place), expected)
    torch.testing.assert_close(headings(0.01 * place), torch.zeros(4))
