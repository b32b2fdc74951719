"""Generated scenarios against shapely: nothing overlaps, routes are drivable, seeds are disjoint."""

import numpy as np
import pytest
import shapely
import torch

from sim.geometry import box
from sim.scenario import EGO, AreaKind, Scenario
from sim.scenario_file import scenario_bytes
from sim.sources.procedural import FAMILIES, draft, generate, numbered_draft
from sim.sources.procedural.ids import SPLITS, GeneratedId, scenario_seed
from sim.sources.procedural.record import record


def _boxes(scenario: Scenario, instant: int) -> np.ndarray:
    tracks = scenario.tracks
    pose = np.column_stack((tracks.position_m[:, instant, :2], tracks.yaw_rad[:, instant]))
    corners = box.corners(torch.tensor(pose).float(), torch.tensor(tracks.size_m[:, :2]))
    return shapely.polygons(corners.numpy().astype(np.float64))


def _road(scenario: Scenario) -> shapely.Geometry:
    drivable = [a for a in scenario.map.areas if a.kind == AreaKind.DRIVABLE]
    return shapely.union_all([shapely.Polygon(a.exterior_m, a.holes_m) for a in drivable])


@pytest.mark.parametrize("family", FAMILIES)
def test_drafts_are_sound(family: str) -> None:
    for index in range(3):
        scenario = draft(family, scenario_seed("test", family, 0, index), duration_s=1.0)
        boxes = _boxes(scenario, 0)
        pairs = shapely.STRtree(boxes).query(boxes, predicate="intersects")
        assert (pairs[0] == pairs[1]).all(), "two agents overlap at the start"
        road = _road(scenario)
        assert road.is_valid
        for obstacle in scenario.map.obstacles:
            assert not road.intersects(shapely.Polygon(obstacle.footprint_m))
        for route in {id(r): r for r in scenario.routes if r is not None}.values():
            path = route.path_m.astype(np.float64)
            assert shapely.contains(
                road, shapely.LineString(path[2:-2]).buffer(0.9, cap_style="flat")
            )
            steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
            assert np.abs(steps - 1.0).max() < 0.05
            turn = np.diff(np.unwrap(np.arctan2(*np.diff(path, axis=0).T[::-1])))
            assert np.abs(turn).max() < 0.25, "a kink"
        lanes = scenario.map.lanes
        for lane in lanes:
            for k in lane.successors:
                gap = lanes[k].centerline_m[0] - lane.centerline_m[-1]
                assert np.linalg.norm(gap) < 0.05
        assert np.allclose(scenario.tracks.position_m[EGO, 0, :2], 0.0, atol=1e-4)


def test_a_scenario_is_the_same_whatever_it_is_recorded_with() -> None:
    # Long roads, many paths, many who stand: each pads the others.
    families = ("merge", "signalized_junction", "narrow_street")
    drafts = [
        numbered_draft(GeneratedId(family, "test", 2, k), 3.0) for k, family in enumerate(families)
    ]
    for alone, among_others in zip(drafts, record(drafts), strict=True):
        (expected,) = record([alone])
        assert scenario_bytes(among_others) == scenario_bytes(expected)


def test_recordings_are_whole_and_keep_to_the_road() -> None:
    for scenario in generate(list(FAMILIES), len(FAMILIES), "test", 1, duration_s=6.0):
        tracks = scenario.tracks
        assert tracks.valid[EGO].all()
        road = _road(scenario)
        for instant in (0, 30, 60):
            outside = _boxes(scenario, instant)[EGO].difference(road.buffer(0.05))
            assert outside.area < 1e-6, f"{scenario.scenario_id}: the ego leaves the road"
        # Nobody jumps: displacement agrees with the recorded speed.
        moved = np.linalg.norm(np.diff(tracks.position_m[EGO, :, :2], axis=0), axis=1) / 0.1
        speed = np.linalg.norm(tracks.velocity_mps[EGO], axis=1)
        assert np.abs(moved - 0.5 * (speed[1:] + speed[:-1])).max() < 0.3


def test_same_seed_same_draft_other_split_other_seed() -> None:
    first, again = (draft("roundabout", 7, duration_s=1.0) for _ in range(2))
    np.testing.assert_array_equal(first.tracks.position_m, again.tracks.position_m)
    seeds = {scenario_seed(s, f, 0, k) for s in SPLITS for f in FAMILIES for k in range(200)}
    assert len(seeds) == len(SPLITS) * len(FAMILIES) * 200


def test_unknown_family_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="family: unknown 'roundabot'; did you mean roundabout"):
        draft("roundabot", 0)
