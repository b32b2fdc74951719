"""The lidar on uneven ground: against Open3D on the same triangles, and by hand."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sim.scenario import GroundHeight, ObstacleKind, Scenario, StaticObstacle
from sim.sensors.ground import Ground
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import HDL_32E, PRESETS, LidarSpec
from sim.sensors.lidar_scene import LidarClass
from sim.sensors.sweep import LabelledSweep
from sim.sources.procedural import draft
from sim.world import World
from tests.conftest import SHARED_DATA, needs_shared_data
from tests.sim.sensors import open3d_truth
from tests.toy import Car, make_scenario, straight

SMALL = LidarSpec((5.0, 0.0, -5.0, -20.0), 360, 100.0, mount_z_m=2.0)
# z = 0.1 x: rises ahead.
RAMP = GroundHeight(np.array((-150.0, -150.0)), 300.0, np.array(((-15.0, -15.0), (15.0, 15.0))))


def _on(ground: GroundHeight | None, scenario: Scenario) -> Scenario:
    return replace(scenario, map=replace(scenario.map, ground=ground))


def _toy(cars: list[Car], obstacles: list[StaticObstacle] | None = None) -> Scenario:
    scenario = make_scenario([straight(-60, 0, 60, 0)], cars, 1.0)
    return replace(scenario, map=replace(scenario.map, obstacles=obstacles or []))


def _sweep(scenarios: list[Scenario], spec: LidarSpec, moving: bool = False) -> LabelledSweep:
    world = World.from_scenarios(scenarios)
    return Lidar.of(world, spec, moving).sweep(world, world.reset())


def _hills(half_m: float = 120.0, resolution_m: float = 1.0) -> GroundHeight:
    along = np.arange(-half_m, half_m, resolution_m)
    height = 3.0 * np.sin(along / 17.0)[:, None] * np.cos(along / 23.0) + 0.02 * along
    return GroundHeight(np.full(2, -half_m), resolution_m, height.astype(np.float32))


# --- Open3D ------------------------------------------------------------------------------------


def _require_open3ds(scenario: Scenario, spec: LidarSpec) -> LabelledSweep:
    truth = open3d_truth.cast(scenario, spec)
    sweep = _sweep([scenario], spec)
    assert (np.abs(sweep.range_m[0].numpy() - truth) < 0.01).mean() >= 0.999
    return sweep


@pytest.mark.parametrize(
    ("family", "preset"), [("crosswalk", "hdl_32e"), ("roundabout", "hdl_64e")]
)
def test_scenes_on_hills_are_open3ds(family: str, preset: str) -> None:
    sweep = _require_open3ds(_on(_hills(), draft(family, seed=11)), PRESETS[preset])
    assert (sweep.agent[0] >= 0).sum() > 100


def test_a_small_field_goes_on_at_its_edge() -> None:
    _require_open3ds(_on(_hills(12.0), _toy([Car(0, 3, 2, 0.3)])), HDL_32E)


@needs_shared_data
@pytest.mark.parametrize("log", [0, 1])
def test_real_ground_is_open3ds(log: int) -> None:
    path = sorted((SHARED_DATA / "av2").glob("*/map/*ground_height*.npy"))[log]
    for ground in _real_grounds(path, count=2):
        _require_open3ds(_on(ground, _toy([Car(0, 0, 0, 0.3)])), HDL_32E)


def _real_grounds(path: Path, count: int) -> list[GroundHeight]:
    """Argoverse 2 ground, 0.3 m a cell, moved so that some place of it is the origin.

    Stored as float16: terraces of 1.6 to 6 cm, which are smoothed away (sigma 0.6 m).
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    stored = np.load(path).astype(np.float32)
    unknown = np.isnan(stored)
    nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    height = gaussian_filter(np.pad(stored[tuple(nearest)], 50, "edge"), 2.0).T
    places = np.argwhere(~unknown.T) + 50
    chosen = np.random.default_rng(0).choice(places, count)
    return [GroundHeight(-0.3 * place, 0.3, height - height[tuple(place)]) for place in chosen]


# --- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [0.0, 7.0])
def test_a_level_field_is_the_plane(height: float) -> None:
    scenario = draft("signalized_junction", seed=4)
    level = GroundHeight(np.array((-9.0, -7.0)), 0.5, np.full((40, 30), height))
    plane, field = _sweep([scenario], HDL_32E), _sweep([_on(level, scenario)], HDL_32E)
    differ = (plane.range_m - field.range_m).abs() > 1e-3
    assert differ.float().mean() < 1e-4  # edges that round differently
    assert torch.equal(plane.label[~differ], field.label[~differ])
    torch.testing.assert_close(
        plane.cos_incidence[~differ], field.cos_incidence[~differ], rtol=0, atol=1e-3
    )


def test_a_ramp_ahead() -> None:
    # 2 m up at x = 0. Level: the ramp reaches the sensor after 20 m. 20 deg down: it falls tan 20 =
    # 0.36397 a metre and the ground rises 0.1: 2 / 0.46397 = 4.3106 m, range / cos 20 = 4.5873.
    # 5 deg down: 2 / 0.18749 = 10.6674 m, range 10.7081.
    # 5 deg up: 0.08749 is less than 0.1, so it meets the ramp after 2 / 0.01251 m: too far.
    sweep = _sweep([_on(RAMP, _toy([Car(0, 0, 0)]))], SMALL)
    assert sweep.range_m[0, :, 0].tolist() == pytest.approx([0.0, 20.0, 10.7081, 4.5873], abs=2e-3)
    assert sweep.label[0, 1, 0] == LidarClass.GROUND
    # The normal (-0.1, 0, 1) / 1.00499; the level beam meets it at cos = 0.0995. Straight behind,
    # 20 deg down: (-cos 20, 0, -sin 20) . normal = (0.09397 - 0.34202) / 1.00499 = -0.24682.
    assert float(sweep.cos_incidence[0, 1, 0]) == pytest.approx(0.0995, abs=1e-4)
    assert float(sweep.cos_incidence[0, 3, 180]) == pytest.approx(0.24682, abs=1e-4)
    assert float(sweep.point_m[0, 1, 0, 2]) == pytest.approx(2.0, abs=1e-4)  # over the ego's ground


def test_things_stand_on_the_ground_under_their_centre() -> None:
    # The ramp under a car 10 m ahead is at 1 m: its body, 0.825 m high, ends at 1.825, its cabin
    # reaches 2.5 m. Level, 2 m up: over the body, onto the cabin at 10 - 0.225 - 1.35 = 8.425 m.
    car = Car(-1, 10, 0, size_m=(4.5, 1.8, 1.5))
    sweep = _sweep([_on(RAMP, _toy([Car(0, 0, 0), car]))], SMALL)
    assert float(sweep.range_m[0, 1, 0]) == pytest.approx(8.425, abs=1e-3)
    # Behind, at x = -10, a wall of 2.5 m ends at 1.5 m and is passed over; one of 3.5 m is not.
    for height, seen in ((2.5, False), (3.5, True)):
        ring = np.array(((-11, -9), (-9, -9), (-9, 9), (-11, 9)), dtype=np.float32)
        wall = StaticObstacle(ObstacleKind.WALL, ring, height)
        sweep = _sweep([_on(RAMP, _toy([Car(0, 0, 0)], [wall]))], SMALL)
        assert bool(sweep.hit[0, 1, 180]) == seen


def test_nothing_hangs_over_a_slope() -> None:
    # A wall from x = 9 to 11 stands at 1 m, but the ramp is at 0.9 m where it begins. A beam that
    # comes to 0.95 m there meets it: 1.05 m down in 9 m, range sqrt(9^2 + 1.05^2) = 9.0610.
    ring = np.array(((9, -9), (11, -9), (11, 9), (9, 9)), dtype=np.float32)
    scenario = _on(RAMP, _toy([Car(0, 0, 0)], [StaticObstacle(ObstacleKind.WALL, ring, 2.0)]))
    spec = replace(SMALL, elevations_deg=(math.degrees(math.atan2(-1.05, 9)),))
    sweep = _sweep([scenario], spec)
    assert float(sweep.range_m[0, 0, 0]) == pytest.approx(9.0610, abs=1e-3)
    assert sweep.label[0, 0, 0] == LidarClass.WALL


def test_driving_uphill_during_the_revolution() -> None:
    # Column 0 was fired 0.1 s ago, 1 m back and so 0.1 m lower: the ramp is 20 m ahead as ever.
    sweep = _sweep([_on(RAMP, _toy([Car(0, 0, 0, 0, 10)]))], SMALL, moving=True)
    assert float(sweep.range_m[0, 1, 0]) == pytest.approx(20.0, abs=1e-3)


def test_worlds_of_a_batch_do_not_mix() -> None:
    scenarios = [
        draft("crosswalk", seed=2),
        _on(RAMP, draft("straight", seed=1)),
        _on(_hills(60.0, 0.7), draft("crosswalk", seed=2)),
    ]
    both = _sweep(scenarios, SMALL)
    for k, scenario in enumerate(scenarios):
        alone = _sweep([scenario], SMALL)
        same = (both.range_m[k] - alone.range_m[0]).abs() < 1e-3
        assert same.float().mean() > 0.999


def test_a_point_that_is_not_a_number_is_read_without_harm() -> None:
    ground = Ground.from_scenarios([_on(RAMP, _toy([Car(0, 0, 0)]))])
    assert ground is not None
    points = torch.tensor([[(math.nan, math.nan), (50.0, 0.0), (1e9, 0.0)]])
    height, gradient = ground.read(points)
    assert height[0, 1:].tolist() == pytest.approx([5.0, 15.0])
    assert gradient[0, 1:].tolist() == [pytest.approx([0.1, 0.0]), [0.0, 0.0]]
