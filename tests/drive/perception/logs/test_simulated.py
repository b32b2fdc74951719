from dataclasses import replace

import numpy as np
import pytest
import shapely
import torch

from drive.perception.logs.recorded import count_points
from drive.perception.logs.simulated import simulated_sweeps
from sim.geometry import box
from sim.scenario import AreaKind, Scenario
from sim.scenario_check import require_valid
from sim.sensors.lidar_presets import HDL_32E
from sim.sources.overgrown import overgrown
from sim.sources.procedural.ids import GeneratedId
from sim.sources.procedural.source import ProceduralSource
from sim.sources.query import ScenarioRef

SPEC = replace(HDL_32E, num_columns=360)


@pytest.fixture(scope="module")
def plain() -> Scenario:
    name = str(GeneratedId("signalized_junction", "train", 0, 1))
    return ProceduralSource().load(ScenarioRef("procedural", name, None, 3.0))


@pytest.fixture(scope="module")
def grown(plain: Scenario) -> Scenario:
    return overgrown(plain, 3)


def test_what_grows_stands_beside_the_road_and_nobody_drives_into_it(
    plain: Scenario, grown: Scenario
) -> None:
    require_valid(grown)
    road = shapely.union_all(
        [shapely.Polygon(a.exterior_m) for a in plain.map.areas if a.kind == AreaKind.DRIVABLE]
    )
    new = grown.map.obstacles[len(plain.map.obstacles) :]
    footprints = [shapely.Polygon(o.footprint_m) for o in new]
    assert len(new) > 60
    assert not shapely.intersects(footprints, road).any()
    old = len(plain.tracks.track_id)
    places = plain.tracks.position_m[plain.tracks.valid][:, :2]
    assert not shapely.intersects(shapely.union_all(footprints), shapely.points(places)).any()
    beside = shapely.points(grown.tracks.position_m[old:, 0, :2])
    assert len(beside) > 8
    assert not shapely.contains(road, beside).any()
    cars = [
        shapely.Polygon(corner)
        for corner in box.corners(
            torch.cat(
                (
                    torch.from_numpy(grown.tracks.position_m[old:, 0, :2]),
                    torch.from_numpy(grown.tracks.yaw_rad[old:, :1]),
                ),
                dim=1,
            ),
            torch.from_numpy(grown.tracks.size_m[old:, :2]),
        ).numpy()
    ]
    assert not shapely.intersects(shapely.union_all(footprints), cars).any()
    for first, second in ((a, b) for k, a in enumerate(cars) for b in cars[k + 1 :]):
        assert not first.overlaps(second)


def test_the_drive_itself_stays_and_the_seed_decides_the_rest(
    plain: Scenario, grown: Scenario
) -> None:
    old = len(plain.tracks.track_id)
    assert (grown.tracks.position_m[:old] == plain.tracks.position_m).all()
    again, other = overgrown(plain, 3), overgrown(plain, 4)
    assert (again.tracks.position_m == grown.tracks.position_m).all()
    assert again.tracks.position_m.shape != other.tracks.position_m.shape or (
        not np.allclose(again.tracks.position_m, other.tracks.position_m)
    )


def test_returns_lie_in_the_boxes_that_they_are_said_to_come_from(grown: Scenario) -> None:
    frames = list(simulated_sweeps(grown, SPEC, 0.2, seed=1))
    assert [round(frame.time_s, 3) for frame in frames] == [0.0, 0.1, 0.2]
    for frame in frames:
        truth = frame.truth
        assert truth is not None
        grown_box = truth.box + np.array((0, 0, 0, 0.2, 0.2, 0.2, 0))  # range noise of 2 cm
        held = count_points(frame.point_m, grown_box)
        assert truth.points.sum() > 200
        assert (held >= 0.95 * truth.points - 1).all()


def test_the_same_seed_gives_the_same_sweeps(grown: Scenario) -> None:
    first, again, other = (
        next(simulated_sweeps(grown, SPEC, 0.0, seed=seed)) for seed in (1, 1, 2)
    )
    assert (first.point_m == again.point_m).all()
    assert first.point_m.shape != other.point_m.shape
