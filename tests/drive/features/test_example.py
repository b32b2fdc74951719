"""Examples of scenes whose every number can be worked out by hand."""

from dataclasses import replace

import pytest
import torch

from drive.features.example import ExampleSpec, concatenated, make_examples, trimmed
from drive.features.vectors import ROUTE, vector_scene
from tests.drive.scenes import SPEC, toy_examples, toy_scenario


def test_instants_lie_between_history_and_future() -> None:
    example = toy_examples()
    # 9 s: 1, 2, 3 s are a second after the start and 6 s before the end; 8 s: 1 and 2 s.
    pairs = sorted(zip(example.scenario.tolist(), example.observation.step.tolist(), strict=True))
    assert pairs == [(0, 10), (0, 20), (0, 30), (1, 10), (1, 20)]


def test_what_was_and_what_comes_as_seen_from_the_ego_now() -> None:
    example = next(make_examples([toy_scenario()], SPEC))  # after 1 s: the ego is at x = 10
    history, future = example.observation.history, example.future
    assert history is not None
    # Others by distance: on foot (5, -5) - (10, 0); ahead (26, 0); oncoming (52, 4).
    assert example.observation.agents.id.tolist() == [[3, 1, 2]]
    assert example.observation.agents.pose[0, :, :2].tolist() == [
        pytest.approx([-5.0, -5.0], abs=1e-4),
        pytest.approx([16.0, 0.0], abs=1e-4),
        pytest.approx([42.0, 4.0], abs=1e-4),
    ]
    # The car ahead, 6 m/s: a second ago it was 20 m after the start, which is 10 m ahead of now.
    assert history.pose[0, 2, 0, 0].item() == pytest.approx(10.0, abs=1e-4)
    assert future.pose[0, 2, :, 0].tolist() == pytest.approx(
        [16.0 + 3.0 * k for k in range(1, 13)], abs=1e-3
    )
    assert future.pose[0, 0, -1, 0].item() == pytest.approx(60.0, abs=1e-3)  # 10 m/s, 6 s
    assert future.pose[0, 3, 0, :2].tolist() == pytest.approx([38.0, 4.0], abs=1e-3)
    assert future.valid.all()


def test_routes_are_those_of_the_agents() -> None:
    example = next(make_examples([toy_scenario()], SPEC))
    assert example.truth.path_valid.tolist() == [[True, False, True, True]]
    # The oncoming car's route runs against x, 3 m a point, from where it is.
    assert example.truth.path_m[0, 3, :3, 0].tolist() == pytest.approx([42, 39, 36], abs=0.01)
    assert example.truth.path_m[0, 3, :3, 1].tolist() == pytest.approx([4, 4, 4], abs=0.01)


def test_a_short_scenario_gives_one_instant_with_what_there_is() -> None:
    (example,) = make_examples([toy_scenario(duration_s=4.0)], SPEC)
    assert example.observation.step.tolist() == [0]
    assert example.future.valid[0, 0].tolist() == [True] * 8 + [False] * 4
    assert example.observation.history is not None
    assert example.observation.history.valid[0, 0].tolist() == [False] * 10 + [True]


def test_few_are_padded_and_many_are_cut_to_the_nearest() -> None:
    wide = next(make_examples([toy_scenario()], ExampleSpec(num_agents=6)))
    assert wide.observation.agents.valid.tolist() == [[True, True, True, False, False]]
    assert wide.future.pose.shape == (1, 6, 12, 3)
    assert not wide.future.valid[:, 4:].any()
    narrow = next(make_examples([toy_scenario()], ExampleSpec(num_agents=2)))
    assert narrow.observation.agents.id.tolist() == [[3]]


def test_trimmed_leaves_what_is_there() -> None:
    wide = concatenated(list(make_examples([toy_scenario()], ExampleSpec(num_agents=9))))
    cut = trimmed(wide)
    assert cut.observation.agents.valid.shape[1] == 3
    assert cut.future.pose.shape[1] == cut.truth.path_m.shape[1] == 4
    assert cut.observation.lanes is not None
    assert cut.observation.lanes.valid.shape[1] < 64
    torch.testing.assert_close(cut.future.pose, wide.future.pose[:, :4])


def test_vector_scene_puts_the_ego_first_and_the_route_last() -> None:
    example = next(make_examples([toy_scenario()], SPEC))
    scene = vector_scene(example.observation)
    assert scene.agent_pose[0, 0].tolist() == [0.0, 0.0, 0.0]
    assert scene.velocity_mps[0, 0].tolist() == pytest.approx([10.0, 0.0], abs=1e-4)
    route = scene.line_kind[0] == ROUTE
    assert route.tolist() == [False] * 64 + [True] * 4
    # From 10 m behind the ego, a point every 2 m.
    assert scene.line_m[0, 64, :3, 0].tolist() == pytest.approx([-10, -8, -6], abs=0.01)


def test_what_is_invalid_is_zero_whatever_it_held() -> None:
    example = next(make_examples([toy_scenario()], ExampleSpec(num_agents=6)))
    seen = example.observation
    poisoned = replace(
        seen,
        agents=replace(
            seen.agents,
            pose=torch.where(seen.agents.valid.unsqueeze(-1), seen.agents.pose, torch.nan),
        ),
    )
    scene = vector_scene(poisoned)
    assert torch.isfinite(scene.agent_pose).all()
    torch.testing.assert_close(scene.agent_pose, vector_scene(seen).agent_pose)


@pytest.mark.parametrize("missing", ["history", "lanes"])
def test_what_was_not_asked_for_is_named(missing: str) -> None:
    seen = next(make_examples([toy_scenario()], SPEC)).observation
    with pytest.raises(ValueError, match=f"holds no {missing}"):
        vector_scene(replace(seen, **{missing: None}))
