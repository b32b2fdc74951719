"""What the ego is shown, and what it is not."""

import math

import torch

from sim.dynamics.bicycle import Controls
from sim.interface import Needs
from sim.maps.lane_table import LaneSpec
from sim.scenario import AgentKind
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.sweep import LabelledSweep
from sim.simulator import Simulator
from sim.world import World
from tests.toy import Car, make_scenario, straight

ROAD = straight(-60, 0, 200, 0)
STILL = Controls(torch.zeros(1), torch.zeros(1))


def _simulator(needs: Needs, *cars: Car) -> Simulator:
    scenario = make_scenario([ROAD], [Car(0, 0, 0, 0, 8.0), *cars], 4.0)
    return Simulator.from_scenarios([scenario], "log", needs)


def test_nothing_is_made_that_was_not_asked_for() -> None:
    world = World.from_scenarios([make_scenario([ROAD], [Car(0, 0, 0)], 1.0)], maps=False)
    simulator = Simulator.of(world, "log")
    state = simulator.reset()
    seen = simulator.observe(state)
    assert state.past is None
    absent = (seen.history, seen.map, seen.lanes, seen.raster, seen.lidar, seen.privileged)
    assert absent == (None,) * 6


def test_history_by_hand() -> None:
    # The ego does 8 m/s along x; a car 30 m ahead comes at 4 m/s towards it.
    simulator = _simulator(Needs(history_s=0.3), Car(-1, 30, 2, math.pi, 4.0))
    state = simulator.reset()
    for _ in range(5):
        state = simulator.step(state, STILL)
    history = simulator.observe(state).history
    assert history is not None and history.valid.all()
    # 0.3 s ago the ego was 2.4 m behind where it is now; the car, which is at 28 - 4 = 24, 25.2 m.
    behind = torch.tensor((-2.4, -1.6, -0.8, 0.0))
    assert torch.allclose(history.pose[0, 0, :, 0], behind, atol=1e-3)
    there = torch.tensor((25.2, 24.8, 24.4, 24.0))
    assert torch.allclose(history.pose[0, 1, :, 0], there, atol=1e-3)
    assert torch.allclose(history.velocity_mps[0, 1, -1], torch.tensor((-4.0, 0.0)), atol=1e-5)


def test_history_before_the_start_is_not_valid() -> None:
    simulator = _simulator(Needs(history_s=0.3), Car(-1, 30, 2))
    state = simulator.step(simulator.reset(), STILL)
    history = simulator.observe(state).history
    assert history is not None
    assert history.valid[0].tolist() == [[False, False, True, True]] * 2


def test_history_of_a_state_from_the_middle_is_the_recording() -> None:
    simulator = _simulator(Needs(history_s=0.3), Car(-1, 30, 2))
    history = simulator.observe(simulator.reset(torch.tensor([10]))).history
    assert history is not None and history.valid.all()
    behind = torch.tensor((-2.4, -1.6, -0.8, 0.0))
    assert torch.allclose(history.pose[0, 0, :, 0], behind, atol=1e-3)


def test_labels_of_returns_are_for_the_privileged() -> None:
    lidar = LidarSpec((-1.0,), 8, 50.0, mount_z_m=0.5)
    car = Car(-1, 20, 0)
    plain = _simulator(Needs(lidar=lidar), car)
    seen = plain.observe(plain.reset())
    assert seen.lidar is not None and not isinstance(seen.lidar, LabelledSweep)
    knowing = _simulator(Needs(lidar=lidar, privileged=True), car)
    known = knowing.observe(knowing.reset()).privileged
    assert known is not None and known.lidar is not None
    assert known.world.log.pose.shape[1] == 2
    assert int(known.lidar.agent[0, 0, 0]) == 1  # the beam straight ahead meets agent 1


def test_agents_keep_their_ids() -> None:
    walker = Car(-1, 9, 3, 0.0, 0.0, (0.6, 0.6, 1.7), AgentKind.PEDESTRIAN)
    simulator = _simulator(Needs(), Car(-1, 30, 2), walker)
    seen = simulator.observe(simulator.reset())
    assert seen.agents.id.tolist() == [[1, 2]]
    assert seen.agents.kind.tolist() == [[int(AgentKind.VEHICLE), int(AgentKind.PEDESTRIAN)]]


def test_padding_never_shows_in_history_or_lanes() -> None:
    cars = [Car(0, 0, 0, 0, 8.0), Car(-1, 30, 2), Car(-1, 40, 2)]
    alone = make_scenario([ROAD], cars[:2], 2.0)
    crowd = make_scenario([ROAD, straight(-60, 4, 90, 4)], cars, 2.0)
    needs = Needs(history_s=0.2, lanes=LaneSpec(8))
    simulator = Simulator.from_scenarios([alone, crowd], "log", needs)
    clean = simulator.observe(simulator.reset(torch.tensor([5, 5])))
    for values in (simulator.world.log.pose, simulator.world.log.velocity_mps):
        values[0, 2:] = torch.nan
    poisoned = simulator.observe(simulator.reset(torch.tensor([5, 5])))
    assert clean.history and poisoned.history and clean.lanes and poisoned.lanes
    there = clean.history.valid
    assert not there[0, 2].any() and torch.equal(there, poisoned.history.valid)
    assert torch.equal(clean.history.pose[there], poisoned.history.pose[there])
    assert torch.equal(clean.lanes.point_m, poisoned.lanes.point_m)
