"""Who is seen, against shapely's lines; and what a planner is told of those who are not."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
import torch

from sim.dynamics.bicycle import Controls
from sim.geometry.grid import BevGrid
from sim.interface import Needs, Observation
from sim.scenario import EGO, AgentKind, ObstacleKind, Scenario, StaticObstacle
from sim.sensors.raster import RasterSpec
from sim.sensors.sight import Sight
from sim.simulator import Simulator
from sim.world import World
from tests.toy import Car, make_scenario, straight

ROAD = straight(-60, 0, 200, 0)
STILL = Controls(torch.zeros(1), torch.zeros(1))
WALKER = (0.6, 0.6, 1.7)
HIDES = (ObstacleKind.BUILDING, ObstacleKind.WALL, ObstacleKind.HEDGE)


def _ring(size_m: np.ndarray, x_m: float, y_m: float, yaw_rad: float) -> np.ndarray:
    corners = 0.5 * size_m * np.array(((1, 1), (-1, 1), (-1, -1), (1, -1)))
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return corners @ np.array(((cos, sin), (-sin, cos))) + (x_m, y_m)


def _random_scene(rng: np.random.Generator) -> Scenario:
    """The ego at the origin among 14 agents and 6 obstacles, anywhere within 40 m, none at the ego."""

    def place() -> tuple[float, float, float]:
        radius, angle = rng.uniform(6.0, 40.0), rng.uniform(-np.pi, np.pi)
        return radius * np.cos(angle), radius * np.sin(angle), rng.uniform(-np.pi, np.pi)

    cars = [Car(0, 0, 0)]
    for _ in range(14):
        kind = AgentKind(int(rng.integers(4)))
        size = (
            WALKER if kind == AgentKind.PEDESTRIAN else (rng.uniform(1, 10), rng.uniform(1, 3), 1.5)
        )
        cars.append(Car(-1, *place(), 0.0, size, kind))
    obstacles = []
    for _ in range(6):
        ring = _ring(rng.uniform(1, 12, 2), *place())
        if rng.random() < 0.3:  # a shape that is no quadrilateral
            ring = np.concatenate((ring[:2], ring[:1] * 0.6 + ring[2:3] * 0.4, ring[2:]))
        kind = ObstacleKind(int(rng.integers(3)) if rng.random() < 0.8 else ObstacleKind.HEDGE)
        obstacles.append(StaticObstacle(kind, ring.astype(np.float32), 2.0))
    for _ in range(4):
        x, y, _ = place()
        angle = np.arange(12) * (2 * np.pi / 12)
        ring = np.stack((x + 0.3 * np.cos(angle), y + 0.3 * np.sin(angle)), axis=-1)
        obstacles.append(StaticObstacle(ObstacleKind.TREE, ring.astype(np.float32), 5.0, 0.3))
    scenario = make_scenario([ROAD], cars, 0.2)
    return replace(scenario, map=replace(scenario.map, obstacles=obstacles))


def _seen_by_shapely(scenario: Scenario, margin_m: float) -> list[bool]:
    """Whether some line to a corner or a side's middle is free, with shapes grown by a margin."""
    tracks = scenario.tracks
    boxes = [
        _ring(tracks.size_m[n, :2], *tracks.position_m[n, 0, :2], tracks.yaw_rad[n, 0])
        for n in range(scenario.num_agents)
    ]
    things = [shapely.Polygon(o.footprint_m) for o in scenario.map.obstacles if o.kind in HIDES]
    vehicles = {
        n: shapely.Polygon(boxes[n])
        for n in range(1, scenario.num_agents)
        if tracks.kind[n] == AgentKind.VEHICLE
    }
    seen = []
    for n, ring in enumerate(boxes):
        points = np.concatenate((ring, 0.5 * (ring + np.roll(ring, -1, axis=0))))
        hiding = [*things, *(shape for k, shape in vehicles.items() if k != n)]
        hiding = shapely.union_all([shape.buffer(margin_m) for shape in hiding])
        lines = [shapely.LineString(((0.0, 0.0), point)) for point in points]
        seen.append(n == EGO or any(not line.intersects(hiding) for line in lines))
    return seen


def test_random_scenes_against_shapely() -> None:
    """Where a centimetre more or less of everything does not matter, shapely decides."""
    rng = np.random.default_rng(5)
    scenarios = [_random_scene(rng) for _ in range(60)]
    world = World.from_scenarios(scenarios, maps=False)
    found = Sight.of(world).in_view(world, world.reset())
    hidden = decided = 0
    for scenario, row in zip(scenarios, found.tolist(), strict=True):
        surely, perhaps = _seen_by_shapely(scenario, 0.01), _seen_by_shapely(scenario, -0.01)
        for n, (least, most) in enumerate(zip(surely, perhaps, strict=True)):
            if least == most:
                assert row[n] == least, (scenario.scenario_id, n)
                decided, hidden = decided + 1, hidden + (not least)
    assert decided > 800 and hidden > 120


def _simulator(needs: Needs, *cars: Car, ego_mps: float = 8.0) -> Simulator:
    scenario = make_scenario([ROAD], [Car(0, 0, 0, 0, ego_mps), *cars], 8.0)
    return Simulator.from_scenarios([scenario], "log", needs)


def _look(simulator: Simulator, steps: int) -> Observation:
    state = simulator.reset()
    for _ in range(steps):
        state = simulator.step(state, STILL)
    return simulator.observe(state)


# A van 8 m long stands beside the road, x = 16 to 24, y = 3 to 5; a child stands behind it at (26, 4).
VAN = Car(-1, 20, 4, 0, 0, (8.0, 2.0, 2.5))
CHILD = Car(-1, 26, 4, 0, 0, WALKER, AgentKind.PEDESTRIAN)


def test_a_child_behind_a_van() -> None:
    simulator = _simulator(Needs(perception="visible"), VAN, CHILD)
    # From (0, 0) the line to (26.3, 3.7), the corner nearest to the road, is at y = 3.38 where the van
    # ends: hidden. From (x, 0) it is 3.7 (24 - x) / (26.3 - x), below 3 from x = 14.2 on: 1.8 s.
    for steps, known in ((0, False), (17, False), (19, True)):
        agents = _look(simulator, steps).agents
        assert agents.valid.tolist() == [[True, known]]
        if not known:  # nothing of it is told
            assert not agents.pose[0, 1, :2].isclose(torch.tensor((26.0 - 0.8 * steps, 4.0))).any()
    everyone = _simulator(Needs(), VAN, CHILD)
    assert _look(everyone, 0).agents.valid.all()


# A car passes behind the van at 5 m/s, away from the ego, which stands: x = 6 + 5 t, y = 8.
PASSES = Car(-1, 6, 8, 0, 5.0)


def test_whoever_is_lost_from_sight_moves_on_for_three_seconds() -> None:
    wall = Car(-1, 14, 6, 0, 0, (12.0, 1.0, 2.5))  # x = 8 to 20, y = 5.5 to 6.5
    simulator = _simulator(Needs(perception="visible", history_s=0.5), wall, PASSES, ego_mps=0.0)
    world = simulator.world
    state = simulator.reset()
    sight = simulator.sensors.sight
    assert sight is not None
    lost = None
    for step in range(80):
        truth = 6.0 + 0.5 * step
        agents = simulator.observe(state).agents
        in_view = bool(sight.in_view(world, state)[0, 2])
        if lost is None and not in_view:
            lost = step
        if lost is not None and not in_view:
            known = step - lost + 1 <= 30  # it was last seen a step before
            assert bool(agents.valid[0, 1]) == known, step
        if bool(agents.valid[0, 1]):
            assert agents.pose[0, 1, 0].item() == pytest.approx(truth, abs=1e-3)
        state = simulator.step(state, STILL)
    assert lost is not None


def test_who_turns_out_of_sight_is_taken_to_go_straight_on() -> None:
    """The recording stops the car once it is hidden; the ego does not know."""
    wall = Car(-1, 14, 6, 0, 0, (12.0, 1.0, 2.5))
    scenario = make_scenario([ROAD], [Car(0, 0, 0), wall, PASSES], 8.0)
    # Its rear left corner (x - 2, 9) is hidden from x = 13.1 on: 1.5 s. It stops at 1.6 s.
    scenario.tracks.position_m[2, 16:, 0] = 14.0
    scenario.tracks.velocity_mps[2, 16:] = 0.0
    needs = Needs(perception="visible", history_s=0.3, raster=RasterSpec(GRID, ("vehicles",)))
    simulator = Simulator.from_scenarios([scenario], "log", needs)
    state = simulator.reset()
    for _ in range(26):
        state = simulator.step(state, STILL)
    seen = simulator.observe(state)
    assert seen.agents.pose[0, 1, 0].item() == pytest.approx(19.0, abs=1e-3)
    assert seen.history is not None and seen.raster is not None
    expected = torch.tensor((17.5, 18.0, 18.5, 19.0))
    assert torch.allclose(seen.history.pose[0, 2, :, 0], expected, atol=1e-3)
    # In the raster as well: it is at x = 17 to 21, and nothing where it really stands, at 12 to 16.
    row = seen.raster[0, 0, :, 13]  # y = 8; a cell is half a metre
    assert row[26:34].sum() == 8.0 and row.sum() == 8.0


GRID = BevGrid(4.0, 1.25, 0.5, 40, 20)  # x = 4 to 24, y = 1.25 to 11.25


def test_who_leaves_the_world_is_forgotten() -> None:
    scenario = make_scenario([ROAD], [Car(0, 0, 0), Car(-1, 10, 5)], 4.0)
    scenario.tracks.valid[1, 10:] = False
    simulator = Simulator.from_scenarios([scenario], "log", Needs(perception="visible"))
    assert _look(simulator, 9).agents.valid.tolist() == [[True]]
    assert _look(simulator, 10).agents.valid.tolist() == [[False]]


def test_a_start_in_the_middle_remembers_what_was_seen_before() -> None:
    wall = Car(-1, 14, 6, 0, 0, (12.0, 1.0, 2.5))
    simulator = _simulator(Needs(perception="visible"), wall, PASSES, ego_mps=0.0)
    state = simulator.reset()
    for _ in range(25):
        state = simulator.step(state, STILL)
    again = simulator.reset(torch.tensor([25]))
    assert state.seen is not None and again.seen is not None
    assert torch.allclose(state.seen.pose, again.seen.pose, atol=1e-3)
    assert torch.allclose(state.seen.unseen_s, again.seen.unseen_s, atol=1e-4)
    assert 0.0 < float(again.seen.unseen_s[0, 2]) < 3.0


def test_padding_hides_nobody() -> None:
    alone = make_scenario([ROAD], [Car(0, 0, 0), CHILD], 1.0)
    crowd = make_scenario([ROAD], [Car(0, 0, 0), CHILD, VAN, VAN], 1.0)
    simulator = Simulator.from_scenarios([alone, crowd], "log", Needs(perception="visible"))
    for values in (simulator.world.log.pose, simulator.world.log.velocity_mps):
        values[0, 2:] = torch.nan
    valid = simulator.observe(simulator.reset()).agents.valid
    assert valid.tolist() == [[True, False, False], [False, True, True]]


def test_a_state_that_nobody_has_looked_at() -> None:
    simulator = _simulator(Needs(perception="visible"), VAN)
    with pytest.raises(ValueError, match=r"begin with Simulator\.reset"):
        simulator.observe(simulator.world.reset())
