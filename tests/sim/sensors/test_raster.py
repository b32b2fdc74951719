"""Rasters against shapely's cell-centre rule, on generated and on real maps."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import shapely
import torch

from sim.geometry.grid import BevGrid
from sim.maps.layers import LAYERS, MapLayers
from sim.scenario import EGO, AgentKind, AreaKind, LaneKind, LightState, Scenario
from sim.sensors.raster import AHEAD, AROUND, Rasterizer, RasterSpec, Scene
from sim.sources.procedural import FAMILIES, draft
from sim.world import Past, World
from tests.conftest import needs_shared_data
from tests.map_layers import read
from tests.real_scenes import FILES, real_scene
from tests.toy import Car, make_scenario, straight

NAMES = ("drivable", "intersection", "crosswalk", "obstacle", "centerline", "boundary", "route")


def _world(scenario: Scenario) -> World:
    return World.from_scenarios([scenario])


def _scene(world: World, ego: np.ndarray) -> Scene:
    scene = Scene.of(world, world.reset())
    pose = scene.pose.clone()
    pose[0, 0, EGO] = torch.tensor(ego)
    return replace(scene, pose=pose)


def _truths(scenario: Scenario, width_m: float) -> list[Callable[[np.ndarray], np.ndarray]]:
    """By shapely, from the scenario's own polygons and lines: which points each of `NAMES` covers."""
    return [
        _near(_lines(scenario, name), 0.5 * width_m)
        if name in ("centerline", "boundary", "route")
        else _inside(_rings(scenario, name))
        for name in NAMES
    ]


def _near(lines: list[np.ndarray], distance_m: float) -> Callable[[np.ndarray], np.ndarray]:
    """A tree of single segments: asked as a whole, shapely goes through all of them for each point."""
    segments = np.concatenate([np.stack((line[:-1], line[1:]), axis=1) for line in lines])
    tree = shapely.STRtree([shapely.LineString(segment) for segment in segments])

    def near(points: np.ndarray) -> np.ndarray:
        found, _ = tree.query(shapely.points(points), predicate="dwithin", distance=distance_m)
        return np.isin(np.arange(len(points)), found)

    return near


def _inside(rings: list[tuple]) -> Callable[[np.ndarray], np.ndarray]:
    shape = shapely.union_all([shapely.Polygon(e, h).buffer(0) for e, h in rings])
    shapely.prepare(shape)
    return lambda points: shapely.contains_xy(shape, points)


def _lines(scenario: Scenario, name: str) -> list[np.ndarray]:
    lanes = scenario.map.lanes
    if name == "centerline":
        return [lane.centerline_m for lane in lanes]
    if name == "route":
        route = scenario.routes[EGO]
        assert route is not None
        return [route.path_m]
    plain = [lane for lane in lanes if lane.kind == LaneKind.LANE]
    return [line for lane in plain for line in (lane.left_boundary_m, lane.right_boundary_m)]


def _rings(scenario: Scenario, name: str) -> list[tuple]:
    if name == "obstacle":
        return [(o.footprint_m, ()) for o in scenario.map.obstacles]
    kind = AreaKind[name.upper()]
    rings = [(a.exterior_m, a.holes_m) for a in scenario.map.areas if a.kind == kind]
    if name == "intersection":
        lanes = scenario.map.lanes
        rings += [(lane.polygon_m, ()) for lane in lanes if lane.kind == LaneKind.CONNECTOR]
    return rings


def _agree(scenario: Scenario, egos: int, seed: int) -> float:
    """The share of cells equal to shapely's, in the worst image."""
    world = _world(scenario)
    rasterizer = Rasterizer.of(world, RasterSpec(channels=NAMES))
    rng = np.random.default_rng(seed)
    track = scenario.tracks.position_m[EGO, scenario.tracks.valid[EGO], :2]
    truths = _truths(scenario, 1.2 * AROUND.resolution_m)
    shares = []
    for _ in range(egos):
        place = track[rng.integers(len(track))] + rng.uniform(-5, 5, 2)
        ego = np.array((*place, rng.uniform(-math.pi, math.pi)), dtype=np.float32)
        image = rasterizer.draw(_scene(world, ego))[0].numpy() > 0.5
        cos, sin = np.cos(ego[2]), np.sin(ego[2])
        x, y = AROUND.cell_centers_m().numpy().reshape(-1, 2).astype(np.float64).T
        points = np.stack((ego[0] + cos * x - sin * y, ego[1] + sin * x + cos * y), axis=-1)
        truth = np.stack([covered(points) for covered in truths])
        equal = (image.reshape(len(NAMES), -1) == truth).mean(axis=1)
        assert equal.min() > 0.998, NAMES[int(equal.argmin())]  # where lines crowd
        shares.append(equal.mean())
    return float(min(shares))


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_maps(family: str) -> None:
    assert _agree(draft(family, seed=3), egos=2, seed=1) >= 0.999


@needs_shared_data
def test_real_maps() -> None:
    for k, path in enumerate(FILES[::2]):
        assert _agree(real_scene(path), egos=2, seed=k) >= 0.999, path.name


def test_boxes_of_every_class_and_time() -> None:
    rng = np.random.default_rng(0)
    kinds = [AgentKind.VEHICLE, AgentKind.CYCLIST, AgentKind.PEDESTRIAN, AgentKind.OBJECT] * 5
    cars = [Car(0, 0, 0, 0.3, 5)] + [
        Car(-1, *rng.uniform(-40, 40, 2), rng.uniform(-3, 3), 8.0,
            (rng.uniform(0.5, 12), rng.uniform(0.5, 3), 1.5), kind)
        for kind in kinds
    ]  # fmt: skip
    scenario = make_scenario([straight(-60, 0, 60, 0)], cars, 2.0)
    world = _world(scenario)
    start = world.reset()
    # Half a second ago everyone was elsewhere: any other instant will do.
    elsewhere = replace(start, pose=world.log.pose[:, :, 10])
    past = Past(*(t.unsqueeze(2).repeat_interleave(6, 2) for t in
                  (elsewhere.pose, start.velocity_mps, start.valid)), torch.ones(1, 6).bool())  # fmt: skip
    names = ("vehicles", "cyclists", "pedestrians", "objects", "ego")
    spec = RasterSpec(channels=names, past_s=(0.0, 0.5))
    image = (
        Rasterizer.of(world, spec)
        .draw(Scene.of(world, replace(start, past=past), (0, 5)))[0]
        .numpy()
    )
    assert spec.names[:3] == ["vehicles", "vehicles@-0.5s", "cyclists"]
    centers = AROUND.cell_centers_m().numpy().reshape(-1, 2).astype(np.float64)
    ego = start.pose[0, 0].numpy()
    for h, poses in enumerate((start.pose[0].numpy(), elsewhere.pose[0].numpy())):
        for c, kind in enumerate((*list(AgentKind), None)):
            truth = np.zeros(len(centers), dtype=bool)
            for n, pose in enumerate(poses):
                if (n == EGO) != (kind is None) or (n != EGO and world.kind[0, n] != kind):
                    continue
                length, width, _ = scenario.tracks.size_m[n]
                shape = shapely.affinity.rotate(
                    shapely.box(-length / 2, -width / 2, length / 2, width / 2),
                    pose[2], origin=(0, 0), use_radians=True,
                )  # fmt: skip
                shape = shapely.affinity.translate(shape, *pose[:2])
                shape = shapely.affinity.translate(shape, -ego[0], -ego[1])
                shape = shapely.affinity.rotate(shape, -ego[2], origin=(0, 0), use_radians=True)
                truth |= shapely.contains_xy(shape, centers)
            drawn = image[2 * c + h].ravel() > 0.5
            assert (drawn != truth).sum() <= 2, (h, kind)
            assert drawn.sum() > 0


def test_velocities_are_in_the_ego_frame() -> None:
    # The ego looks along +y; the other drives along +y: straight on, 7 m/s, in the ego frame.
    cars = [Car(0, 0, 0, math.pi / 2, 0), Car(-1, 0, 20, math.pi / 2, 7)]
    world = _world(make_scenario([straight(-60, 0, 60, 0)], cars, 1.0))
    spec = RasterSpec(channels=("velocity_x", "velocity_y"))
    image = Rasterizer.of(world, spec).draw(Scene.of(world, world.reset()))[0]
    assert image[0, 140, 100] == pytest.approx(7.0, abs=1e-4)  # 20 m ahead: row (50 + 20) / 0.5
    assert image[0].count_nonzero() == 32  # 4 x 2 m of half-metre cells
    assert image[1].abs().max() < 1e-4


def test_lights_by_state() -> None:
    world = _world(draft("signalized_junction", seed=4))
    names = ("light_red", "light_yellow", "light_green", "stop_line")
    rasterizer = Rasterizer.of(world, RasterSpec(channels=names))
    scene = Scene.of(world, world.reset())
    for k, state in enumerate((LightState.RED, LightState.YELLOW, LightState.GREEN)):
        lit = replace(scene, light_state=torch.full_like(scene.light_state, int(state)))
        image = rasterizer.draw(lit)[0]
        assert image[k].sum() > 5
        assert torch.equal(image[k], image[3])
        assert image[:3].sum() == image[k].sum()


def test_reachable_lane_distance_and_direction() -> None:
    # One lane along +x; the ego on it turned by 0.3: at 4 m to its left the distance is 0.4, and the
    # lane runs at -0.3 in the ego frame.
    world = _world(make_scenario([straight(-60, 0, 60, 0)], [Car(0, 0, 0, 0.3, 0)], 1.0))
    spec = RasterSpec(channels=("lane_distance", "lane_sin", "lane_cos"))
    image = Rasterizer.of(world, spec).draw(Scene.of(world, world.reset()))[0]
    x, y = 0.25, 4.25  # the centre of cell (100, 108)
    beside = abs(math.sin(0.3) * x + math.cos(0.3) * y)
    assert image[0, 100, 108] == pytest.approx(beside / 10, abs=1e-3)
    assert image[1, 100, 108] == pytest.approx(math.sin(-0.3), abs=3e-3)
    assert image[2, 100, 108] == pytest.approx(math.cos(-0.3), abs=3e-3)
    assert image[0, 0, 199] == 1.0


@pytest.mark.parametrize(
    ("channel", "step", "noise"), [("drivable", 2e-2, 0.1), ("vehicles", 5e-4, 0.02)]
)
def test_soft_edges_carry_gradients_to_the_poses(channel: str, step: float, noise: float) -> None:
    # Steps: small against the kinks of a box's depth at its middle, large against the
    # millimetre to which the map is stored (slopes are up to 100).
    cars = [Car(0, 0, 0, 0.13, 0), Car(-1, 10.1, 3.2, 0.4, 0)]
    world = _world(make_scenario([straight(-60, 0, 60, 0)], cars, 1.0))
    spec = RasterSpec(BevGrid(-20.0, -20.0, 0.5, 80, 80), (channel,), softness_m=0.3)
    rasterizer = Rasterizer.of(world, spec)
    scene = Scene.of(world, world.reset())
    weight = (torch.linspace(-1, 1, 80)[:, None] * torch.linspace(0, 1, 80)).double()

    def total(pose: torch.Tensor) -> torch.Tensor:
        return (rasterizer.draw(replace(scene, pose=pose)).double() * weight).sum()

    pose = scene.pose.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(pose), pose)
    assert gradient.abs().max() > 1
    for n, axis in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)):
        moved = torch.zeros_like(scene.pose)
        moved[0, 0, n, axis] = step
        slope = (total(scene.pose + moved) - total(scene.pose - moved)) / (2 * step)
        assert float(gradient[0, 0, n, axis]) == pytest.approx(float(slope), rel=0.05, abs=noise)


def test_nan_padding_changes_nothing() -> None:
    cars = [Car(0, 0, 0, 0, 5), Car(-1, 12, 1), Car(-1, 20, 5)]
    world = _world(make_scenario([straight(-60, 0, 60, 0)], cars, 1.0))
    spec = RasterSpec(channels=("drivable", "vehicles", "velocity_x"))
    rasterizer = Rasterizer.of(world, spec)
    scene = Scene.of(world, world.reset())
    valid = scene.valid.clone()
    valid[..., 2] = False
    clean = rasterizer.draw(replace(scene, valid=valid))
    pose, velocity, size = scene.pose.clone(), scene.velocity_mps.clone(), scene.size_m.clone()
    pose[:, :, 2], velocity[:, 2], size[:, 2] = torch.nan, torch.nan, torch.nan
    dirty = Scene(pose, valid, velocity, size, scene.kind, scene.light_state)
    assert torch.equal(rasterizer.draw(dirty), clean)


def test_off_the_map_there_is_nothing() -> None:
    layers = MapLayers.from_scenarios([draft("straight", seed=1)], LAYERS, 30.0)
    distance, _, light = read(layers, torch.tensor([[[9e3, 9e3], [-9e3, 0.0]]]))
    assert (distance == 10.0).all()
    assert (light == -1).all()


def test_the_map_reaches_to_the_corners_of_a_long_grid() -> None:
    # The road runs on to x = 400; everybody stands at 0, where a fixed margin would cut it short.
    scenario = make_scenario([straight(-90, 0, 400, 0)], [Car(0, 0, 0)], 1.0)
    route = scenario.routes[EGO]
    assert route is not None
    short = replace(route, path_m=route.path_m[85:100], lane_of_point=route.lane_of_point[85:100])
    world = _world(replace(scenario, routes=[short]))
    spec = RasterSpec(grid=AHEAD, channels=("drivable",))
    image = Rasterizer.of(world, spec).draw(Scene.of(world, world.reset()))[0, 0]
    # 3.5 m wide, cells of 0.4 m with centres at 0.2, 0.6, 1.0, 1.4 on either side: 8 across.
    assert image.sum(dim=1).tolist() == [8.0] * 350


def test_a_scene_of_the_wrong_length_is_refused() -> None:
    world = _world(make_scenario([straight(-60, 0, 60, 0)], [Car(0, 0, 0)], 1.0))
    rasterizer = Rasterizer.of(world, RasterSpec(past_s=(0.0, 0.5)))
    with pytest.raises(ValueError, match="1 instants, past_s asks for 2"):
        rasterizer.draw(Scene.of(world, world.reset()))


def test_unknown_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown channel 'lidar'"):
        RasterSpec(channels=("lidar",))


def test_the_speed_limit_is_that_of_the_lane_beneath() -> None:
    # Lanes at y = 0 and 10, 3.5 m wide, limits 12 and 12; at y = 5 there is none.
    lines = [straight(-60, 0, 60, 0), straight(-60, 10, 60, 10)]
    scenario = make_scenario(lines, [Car(0, 0, 0)], 1.0, limit_mps=12.0)
    slow = replace(scenario.map.lanes[1], speed_limit_mps=8.25)
    lanes = [scenario.map.lanes[0], slow]
    world = _world(replace(scenario, map=replace(scenario.map, lanes=lanes)))
    spec = RasterSpec(channels=("speed_limit",))
    image = Rasterizer.of(world, spec).draw(Scene.of(world, world.reset()))[0, 0]
    across = image[100]  # cells of 0.5 m from y = -50 on
    for y_m, limit in (
        (0.2, 12.0),
        (-1.4, 12.0),
        (5.2, 0.0),
        (10.2, 8.25),
        (11.4, 8.25),
        (20.2, 0.0),
    ):
        assert float(across[int((y_m + 50.0) / 0.5)]) == limit, y_m
