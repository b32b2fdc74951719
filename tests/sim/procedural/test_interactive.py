"""The interactive families: valid, reachable, nobody in anybody, parts that are played, always the same."""

from typing import Any

import numpy as np
import pytest
import shapely
import torch

from sim.cues import NOT_YET
from sim.geometry import box
from sim.scenario import EGO, AgentKind, AreaKind, CueAction, Scenario
from sim.scenario_check import require_valid
from sim.scenario_file import digest
from sim.sources.interaction_score import interaction
from sim.sources.procedural import INTERACTIVE_FAMILIES, INTERACTIVE_S, make_draft
from sim.sources.procedural.record import record

SEEDS = (0, 1)
WITH_CUES = (
    "hard_braking_leader",
    "cut_out",
    "parked_pedestrian",
    "jaywalker",
    "pull_out",
    "u_turn",
)


@pytest.fixture(scope="module")
def recorded() -> list[Scenario]:
    """One of each family in which somebody has a part."""
    return record([make_draft(family, 1, INTERACTIVE_S) for family in WITH_CUES])


def _road(scenario: Scenario) -> Any:
    areas = [a for a in scenario.map.areas if a.kind == AreaKind.DRIVABLE]
    return shapely.union_all([shapely.Polygon(a.exterior_m, a.holes_m) for a in areas])


@pytest.mark.parametrize("family", INTERACTIVE_FAMILIES)
def test_drafts_are_sound(family: str) -> None:
    for seed in SEEDS:
        draft = make_draft(family, seed, INTERACTIVE_S)
        scenario = draft.scenario
        require_valid(scenario)
        assert scenario.goal_line_m is not None
        assert scenario.time_limit_s is not None
        goal = shapely.LineString(scenario.goal_line_m)
        assert shapely.LineString(draft.ego_drives.path_m).intersects(goal)
        assert np.linalg.norm(scenario.goal_line_m.mean(axis=0)) > 25.0  # from the ego's start
        tracks = scenario.tracks
        pose = torch.from_numpy(
            np.column_stack((tracks.position_m[:, 0, :2], tracks.yaw_rad[:, 0])).astype(np.float32)
        )
        size = torch.from_numpy(tracks.size_m[:, :2])
        depth = box.penetration_m(pose[:, None], size[:, None], pose[None], size[None])
        depth.fill_diagonal_(0.0)
        assert depth.max() <= 0.0, (family, seed, depth.argmax() // len(size))
        road = _road(scenario).buffer(0.05)
        drivers = [n for n, route in enumerate(scenario.routes) if route is not None]
        for n in drivers:
            assert road.contains(shapely.Polygon(box.corners(pose[n], size[n]).numpy())), (
                family,
                n,
            )


def test_ids_name_the_same_scenario_for_ever() -> None:
    one, again = (make_draft("zipper", 5, INTERACTIVE_S).scenario for _ in range(2))
    assert digest(one) == digest(again)
    assert digest(make_draft("zipper", 6, INTERACTIVE_S).scenario) != digest(one)
    moved = one.tracks.position_m.copy()
    moved[3, 0, 0] += 0.01
    one.tracks.position_m[:] = moved
    assert digest(one) != digest(again)


def test_parts_are_played(recorded: list[Scenario]) -> None:
    for scenario in recorded:
        require_valid(scenario)
        cues, tracks = scenario.cues, scenario.tracks
        assert cues is not None, scenario.family
        played = 0
        for n in np.flatnonzero(cues.action):
            speed = np.linalg.norm(tracks.velocity_mps[n], axis=-1)
            at = round(cues.rehearsed_s[n] / scenario.dt_s)
            if at >= scenario.num_instants - 15:
                continue  # the ego never came near
            if cues.action[n] == CueAction.START:
                assert speed[: at + 1].max() < 0.05, (scenario.family, n)
                played += speed[at:].max() > 0.5
            else:
                played += (np.diff(speed[at : at + 12]) < -0.35).any()
        assert played, scenario.family


def test_who_steps_out_does_so_earlier_when_the_ego_comes_earlier(
    recorded: list[Scenario],
) -> None:
    from sim.dynamics.bicycle import Controls
    from sim.simulator import Simulator
    from sim.traffic.idm import IdmTraffic
    from sim.world import World

    scenario = recorded[WITH_CUES.index("parked_pedestrian")]
    cues = scenario.cues
    assert cues is not None
    walker = int(np.flatnonzero(cues.action)[0])
    assert scenario.tracks.kind[walker] == AgentKind.PEDESTRIAN
    simulator = Simulator.of(World.from_scenarios([scenario] * 2, maps=False), IdmTraffic.of)
    controls = Controls(torch.tensor([2.0, -0.6]), torch.zeros(2))  # one comes soon, one late
    state = simulator.reset()
    start_m = state.pose[:, walker, :2].clone()
    for _ in range(150):
        gone_m = torch.linalg.vector_norm(state.pose[:, walker, :2] - start_m, dim=-1)
        assert (gone_m[state.cue_step[:, walker] == NOT_YET] < 0.1).all()
        state = simulator.step(state, controls)
    assert (torch.linalg.vector_norm(state.pose[:, walker, :2] - start_m, dim=-1) > 2.0).all()
    soon, late = state.cue_step[:, walker].tolist()
    assert 0 < soon < late


def test_interaction_counts_who_comes_into_the_way() -> None:
    """The ego drives along x at 10 m/s; one crosses 2 s ahead of it, one 9 s; one follows, one is beside."""
    scenario = make_draft("zipper", 0, INTERACTIVE_S).scenario
    time = np.arange(scenario.num_instants) * scenario.dt_s
    tracks = scenario.tracks
    tracks.valid[5:] = False
    tracks.position_m[..., :2] = 0.0
    tracks.velocity_mps[:] = 0.0
    lines = {
        EGO: (10.0 * time, 0.0 * time),
        1: (0.0 * time + 60.0, 10.0 * (time - 4.0)),  # at the ego's way at 4 s, the ego at 6 s
        2: (0.0 * time + 120.0, 10.0 * (time - 3.0)),  # 9 s before the ego
        3: (10.0 * time - 15.0, 0.0 * time),
        4: (10.0 * time, 0.0 * time + 3.5),
    }
    for n, (x, y) in lines.items():
        tracks.position_m[n, :, 0], tracks.position_m[n, :, 1] = x, y
        tracks.velocity_mps[n, :, 0] = np.gradient(x, scenario.dt_s)
        tracks.velocity_mps[n, :, 1] = np.gradient(y, scenario.dt_s)
    found = interaction(scenario)
    assert found.crossings == pytest.approx(1 / 3)
    assert found.near_speed == 0.0
    assert 0.0 < found.crowd < 0.3
