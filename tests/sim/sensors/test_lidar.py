"""The lidar against Open3D's ray casting on the same triangles, and by hand."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sim import trees
from sim.scenario import LaneMap, ObstacleKind, Scenario, StaticObstacle
from sim.sensors.lidar import Lidar
from sim.sensors.lidar_columns import crossed
from sim.sensors.lidar_noise import LidarNoise, add_noise
from sim.sensors.lidar_presets import HDL_32E, PRESETS, LidarSpec
from sim.sensors.lidar_scene import LidarClass
from sim.sensors.sweep import LabelledSweep
from sim.sources.procedural import draft
from sim.world import World
from tests.sim.sensors import open3d_truth
from tests.toy import Car, make_scenario, straight

SMALL = LidarSpec((5.0, 0.0, -5.0, -20.0), 360, 100.0, mount_z_m=2.0)


def _world(scenario: Scenario) -> World:
    return World.from_scenarios([scenario])


def _toy(cars: list[Car], obstacles: list[StaticObstacle] | None = None) -> Scenario:
    scenario = make_scenario([straight(-60, 0, 60, 0)], cars, 1.0)
    lane_map: LaneMap = replace(scenario.map, obstacles=obstacles or [])
    return replace(scenario, map=lane_map)


def _sweep(scenario: Scenario, spec: LidarSpec = SMALL, moving: bool = False) -> LabelledSweep:
    world = _world(scenario)
    return Lidar.of(world, spec, moving).sweep(world, world.reset())


def _block(x0: float, y0: float, x1: float, y1: float, height: float) -> StaticObstacle:
    ring = np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), dtype=np.float32)
    return StaticObstacle(ObstacleKind.WALL, ring, height)


# --- Open3D ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "preset"),
    [("signalized_junction", "hdl_32e"), ("crosswalk", "hdl_32e"), ("narrow_street", "hdl_32e"),
     ("roundabout", "hdl_64e"), ("jam", "vls_128")],
)  # fmt: skip
def test_ranges_are_open3ds(family: str, preset: str) -> None:
    scenario, spec = draft(family, seed=11), PRESETS[preset]
    truth = open3d_truth.cast(scenario, spec)
    sweep = _sweep(scenario, spec)
    ours = sweep.range_m[0].numpy()
    same = np.abs(ours - truth) < 0.01
    assert same.mean() >= 0.999
    assert (sweep.agent[0] >= 0).sum() > 100  # and cars are among them


def test_beams_that_ask_every_footprint_meet_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.from_scenarios([draft("signalized_junction", seed=3), draft("jam", seed=4)])
    lidar = Lidar.of(world, SMALL, moving=True)
    few = lidar.sweep(world, world.reset())
    monkeypatch.setattr(Lidar, "_meet_solids", Lidar._meet_all)
    for (name, one), (_, other) in zip(
        trees.tensors(few), trees.tensors(lidar.sweep(world, world.reset())), strict=True
    ):
        assert torch.equal(one, other), name
    assert 0.2 < few.hit.float().mean() < 1.0 and (few.agent >= 0).sum() > 50


def test_the_footprints_that_columns_cross_by_brute_force() -> None:
    over_m = torch.rand(2, 7, 5, generator=torch.Generator().manual_seed(0)) - 0.6
    for most in (1, 3, 7):
        found = crossed(over_m, most)
        for world, column in itertools.product(range(2), range(5)):
            mine = [k for k in range(7) if over_m[world, k, column] > 0][:most]
            assert found[world, :, column].tolist() == mine + [-1] * (most - len(mine))


# --- by hand -------------------------------------------------------------------------------------


def test_a_wall_ahead_seen_by_each_row() -> None:
    # A wall 3 m high, 10 m ahead of a sensor 2 m up. Level: 10 m. 5 deg up: at 10 m it is at
    # 2 + 0.875 m, still the wall, range 10 / cos 5 = 10.038. 20 deg down: the ground after
    # 2 / tan 20 = 5.495 m, range 5.848. Behind: nothing but ground.
    sweep = _sweep(_toy([Car(0, 0, 0)], [_block(10, -20, 11, 20, 3.0)]))
    ranges = sweep.range_m[0, :, 0].tolist()
    assert ranges == pytest.approx([10.0382, 10.0, 10.0382, 5.8476], abs=1e-3)
    wall, ground = LidarClass.WALL, LidarClass.GROUND
    assert sweep.label[0, :, 0].tolist() == [wall, wall, wall, ground]
    assert sweep.hit[0, :, 180].tolist() == [False, False, True, True]
    assert sweep.point_m[0, 1, 0].tolist() == pytest.approx([10.0, 0.0, 2.0], abs=1e-4)
    # Columns go counter-clockwise: 30 degrees to the left the wall is 10 / cos 30 away, y > 0.
    assert float(sweep.range_m[0, 1, 30]) == pytest.approx(
        10 / math.cos(math.radians(30)), abs=1e-3
    )
    assert float(sweep.point_m[0, 1, 30, 1]) == pytest.approx(
        10 * math.tan(math.radians(30)), abs=1e-3
    )


def test_the_top_of_a_low_box() -> None:
    # 1 m high, from 8 to 30 m. 5 deg down from 2 m: at 8 m the beam is at 1.30, above it; it comes
    # down to 1 m at 11.43 m: that is its top, seen at cos = sin 5 deg.
    sweep = _sweep(_toy([Car(0, 0, 0)], [_block(8, -3, 30, 3, 1.0)]))
    assert float(sweep.point_m[0, 2, 0, 0]) == pytest.approx(
        1 / math.tan(math.radians(5)), abs=1e-3
    )
    assert float(sweep.cos_incidence[0, 2, 0]) == pytest.approx(math.sin(math.radians(5)), abs=1e-4)


def test_a_car_has_a_body_and_a_cabin_and_its_own_index() -> None:
    # 1.5 m high, 4.5 long, at 10 m. Its body (0.825 m) starts at 7.75 m; its cabin 1.125 m further on
    # (middle at -0.225, half length 1.35). 5 deg down from 2 m: 1.32 m over ground at 7.75, over the
    # body; at 10 - 0.225 - 1.35 = 8.425 m it is at 1.263 m: the cabin.
    car = Car(-1, 10, 0, size_m=(4.5, 1.8, 1.5))
    sweep = _sweep(_toy([Car(0, 0, 0), Car(-1, -20, 0), car]))
    assert float(sweep.point_m[0, 2, 0, 0]) == pytest.approx(8.425, abs=1e-3)
    assert int(sweep.agent[0, 2, 0]) == 2
    assert int(sweep.label[0, 2, 0]) == LidarClass.VEHICLE
    assert int(sweep.agent[0, 3, 0]) == -1


def test_a_footprint_that_is_not_convex() -> None:
    # An L open towards the sensor's left: its notch is seen through, its legs are not.
    ring = np.array(((10, -4), (14, -4), (14, 4), (12, 4), (12, 0), (10, 0)), dtype=np.float32)
    shape = StaticObstacle(ObstacleKind.BUILDING, ring, 5.0)
    sweep = _sweep(_toy([Car(0, 0, 0)], [shape]))
    column = 10  # 10 degrees left: at x = 12 y is 2.1, inside the upright leg only
    assert float(sweep.point_m[0, 1, column, 0]) == pytest.approx(12.0, abs=1e-3)
    assert float(sweep.point_m[0, 1, 350, 0]) == pytest.approx(10.0, abs=1e-3)


def test_the_ego_never_sees_itself_and_turns_its_columns() -> None:
    sweep = _sweep(_toy([Car(0, 0, 0, math.pi / 2)], [_block(-1, 10, 1, 11, 3.0)]))
    assert float(sweep.range_m[0, 1, 0]) == pytest.approx(10.0, abs=1e-3)


def test_motion_during_the_revolution() -> None:
    # Clockwise: column 0 first, 0.1 s before the end. The ego drives at 10 m/s towards a wall 20 m
    # from where it ends: it was 21 m away.
    scenario = _toy([Car(0, 0, 0, 0, 10)], [_block(20, -5, 21, 5, 3.0)])
    assert float(_sweep(scenario, moving=True).range_m[0, 1, 0]) == pytest.approx(21.0, abs=1e-3)
    # Standing ego; a car's rear at 18 m drives away at 10 m/s: it was at 17 m.
    away = _toy([Car(0, 0, 0), Car(-1, 20.25, 0, 0, 10, size_m=(4.5, 1.8, 4.0))])
    assert float(_sweep(away, moving=True).range_m[0, 1, 0]) == pytest.approx(17.0, abs=1e-3)
    # Straight behind, half a turn later: the ground is where it is, and walls half as far off.
    behind = _toy([Car(0, 0, 0, 0, 10)], [_block(-21, -5, -20, 5, 3.0)])
    assert float(_sweep(behind, moving=True).range_m[0, 1, 180]) == pytest.approx(19.5, abs=1e-3)


def test_intensity_falls_with_incidence() -> None:
    sweep = _sweep(_toy([Car(0, 0, 0)], [_block(10, -30, 11, 30, 3.0)]))
    straight_on, aslant = float(sweep.intensity[0, 1, 0]), float(sweep.intensity[0, 1, 60])
    assert aslant == pytest.approx(straight_on * math.cos(math.radians(60)), rel=1e-3)


def test_padded_agents_are_not_seen() -> None:
    scenario = _toy([Car(0, 0, 0), Car(-1, 10, 0), Car(-1, 20, 8)])
    world = _world(scenario)
    state = world.reset()
    valid = state.valid.clone()
    valid[:, 1] = False
    clean = Lidar.of(world, SMALL).sweep(world, replace(state, valid=valid))
    pose = state.pose.clone()
    pose[:, 1] = torch.nan
    world.size_m[:, 1] = torch.nan
    dirty = Lidar.of(world, SMALL).sweep(world, replace(state, valid=valid, pose=pose))
    assert torch.equal(clean.range_m, dirty.range_m)
    assert not (clean.agent == 1).any()
    assert (clean.agent == 2).any()


def test_noise_is_seeded_and_of_the_size_asked_for() -> None:
    world = _world(draft("crosswalk", seed=2))
    lidar = Lidar.of(world, HDL_32E)
    exact = lidar.sweep(world, world.reset())
    noise = LidarNoise(range_sigma_m=0.05, stray_share=0.0)

    def noisy(seed: int) -> LabelledSweep:
        return add_noise(lidar, exact, noise, torch.Generator().manual_seed(seed))

    one, again, other = noisy(1), noisy(1), noisy(2)
    assert torch.equal(one.range_m, again.range_m)
    assert not torch.equal(one.range_m, other.range_m)
    error = (one.range_m - exact.range_m)[one.hit]
    assert float(error.std()) == pytest.approx(0.05, rel=0.03)
    assert float(error.mean()) == pytest.approx(0.0, abs=2e-3)
    lost = exact.hit & ~one.hit
    far, near = exact.range_m > 40, exact.range_m < 10
    assert lost[far].sum() / exact.hit[far].sum() > 5 * lost[near].sum() / exact.hit[near].sum()


def test_dark_cars_lose_returns_and_stray_ones_float_in_the_air() -> None:
    world = _world(_toy([Car(0, 0, 0), Car(-1, 25, 0, size_m=(4, 2, 3))]))
    lidar = Lidar.of(world, HDL_32E)
    exact = lidar.sweep(world, world.reset())

    def seen(dark: float) -> int:
        noise = LidarNoise(dark_cars=dark, stray_share=0.0)
        sweep = add_noise(lidar, exact, noise, torch.Generator().manual_seed(0))
        return int((sweep.agent == 1).sum())

    assert seen(1.0) < 0.8 * seen(0.0)
    noise = LidarNoise(stray_share=0.01)
    sweep = add_noise(lidar, exact, noise, torch.Generator().manual_seed(0))
    stray = sweep.label == LidarClass.NOISE
    assert int(stray.sum()) == pytest.approx(0.01 * HDL_32E.num_rays, rel=0.2)
    assert (sweep.range_m[stray & exact.hit] <= exact.range_m[stray & exact.hit]).all()


def test_a_dark_car_stays_dark() -> None:
    cars = [Car(-1, 8.0 * math.cos(a), 8.0 * math.sin(a), a) for a in np.arange(12) * 0.52]
    world = _world(_toy([Car(0, 0, 0), *cars]))
    lidar = Lidar.of(world, HDL_32E)
    exact = lidar.sweep(world, world.reset())
    generator = torch.Generator().manual_seed(0)

    def dark(paint_seed: int) -> list[int]:
        noise = LidarNoise(dark_cars=0.5, stray_share=0.0, paint_seed=paint_seed)
        sweep = add_noise(lidar, exact, noise, generator)
        dim = sweep.hit & (sweep.intensity < 0.2 * exact.intensity)
        return sorted(set(sweep.agent[dim].tolist()))

    assert dark(1) == dark(1)
    assert 0 < len(dark(1)) < 12
    assert dark(1) != dark(2)


def test_a_table_of_ones_own() -> None:
    # A wall 10 m ahead. Mounted 1 m to the left and turned by 90 deg: column 0 looks to the left,
    # column 3 of 4 straight ahead, from y = 1.
    spec = LidarSpec((0.0, -1.0), 4, 50.0, mount_y_m=1.0, mount_yaw_deg=90.0)
    sweep = _sweep(_toy([Car(0, 0, 0)], [_block(10, -20, 11, 20, 3.0)]), spec)
    assert sweep.range_m.shape == (1, 2, 4)
    assert sweep.hit[0, 0].tolist() == [False, False, False, True]
    assert sweep.point_m[0, 0, 3].tolist() == pytest.approx([10.0, 1.0, 1.8], abs=1e-4)
    # In the world of an ego that looks north the wall is at its right: column 2 of the sensor.
    sweep = _sweep(_toy([Car(0, 0, 0, math.pi / 2)], [_block(10, -20, 11, 20, 3.0)]), spec)
    assert sweep.point_m[0, 0, 2].tolist() == pytest.approx([0.0, -10.0, 1.8], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elevations_deg": ()}, "elevations_deg: empty"),
        ({"elevations_deg": (1.0, math.nan)}, r"elevations_deg\[1\]: nan"),
        ({"elevations_deg": (-90.0,)}, r"elevations_deg\[0\]: -90\.0 is not between"),
        ({"num_columns": 0}, "num_columns: 0"),
        ({"max_range_m": math.inf}, "max_range_m: inf is not positive"),
        ({"mount_z_m": 0.0}, "mount_z_m: 0.0 is not positive"),
        ({"mount_y_m": math.nan}, "mount_y_m: nan is not a number"),
    ],
)
def test_a_table_that_makes_no_sensor_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(HDL_32E, **change)
