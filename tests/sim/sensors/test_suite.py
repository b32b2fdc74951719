"""Sensors in the closed loop: a planner that drives by its raster, rasters of the past, sweeps."""

import math

import pytest
import torch

from eval.rollout import rollout
from sim.geometry.grid import BevGrid
from sim.interface import Needs, Observation, Plan
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import RasterSpec
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

GRID = BevGrid(-20.0, -8.0, 0.5, 120, 32)  # 20 m behind to 40 m ahead


def _simulator(gap_m: float, needs: Needs) -> Simulator:
    """The ego at 8 m/s behind a car that stands `gap_m` ahead (centre to centre)."""
    cars = [Car(0, 0.0, 0.0, 0.0, 8.0), Car(-1, gap_m, 0.0)]
    scenario = make_scenario([straight(-30, 0, 150, 0)], cars, duration_s=6.0)
    return Simulator.from_scenarios([scenario], "log", needs)


class SeesAhead:
    """Stops in front of the first vehicle in the raster's middle row, by the kinematics alone."""

    needs = Needs(raster=RasterSpec(GRID, ("vehicles",)))

    def plan(self, observation: Observation) -> Plan:
        """Constant deceleration that stops 4 m short."""
        assert observation.raster is not None
        # x from 2 m on, before the bumper.
        ahead = observation.raster[:, 0, 44:, 15:17].amax(dim=-1)
        cells = torch.where(ahead > 0, torch.arange(ahead.shape[1]), ahead.shape[1])
        gap_m = cells.amin(dim=1) * 0.5
        speed = observation.ego.speed_mps.unsqueeze(1)
        braking = (speed**2 / (2 * (gap_m - 4.0).clamp(min=0.5).unsqueeze(1))).clamp(max=8.0)
        time = torch.arange(1, 11) * 0.1
        later = (speed - braking * time).clamp(min=0.0)
        x = torch.cumsum(0.05 * (torch.cat((speed, later[:, :-1]), dim=1) + later), dim=1)
        zero = torch.zeros_like(x)
        return Plan(torch.stack((x, zero, zero, later, zero), dim=-1), 0.1)


def test_a_planner_stops_by_what_its_raster_shows() -> None:
    simulator = _simulator(30.0, Needs())
    end = rollout(simulator, SeesAhead())
    # Fronts 2 m from the centres: touching at x = 26; it means to stop 4 m before that.
    assert float(end.pose[0, -1, 0, 0]) == pytest.approx(22.0, abs=1.0)
    assert float(end.velocity_mps[0, -1, 0].norm()) < 0.3
    # Blind, it would have driven on through the car.
    assert simulator.observe(simulator.reset()).raster is None


def test_a_raster_of_the_past_reads_the_history() -> None:
    # The other car stands; the ego does 8 m/s: half a second ago it was 4 m further behind.
    spec = RasterSpec(GRID, ("ego",), past_s=(0.0, 0.5))
    simulator = _simulator(20.0, Needs(raster=spec))
    states = [simulator.reset()]
    time = torch.arange(1, 11) * 0.1
    zero = torch.zeros_like(time)
    for _ in range(8):
        plan = torch.stack((8 * time, zero, zero, zero + 8, zero), dim=-1).unsqueeze(0)
        states.append(simulator.step(states[-1], Plan(plan, 0.1)))

    def middle_m(image: torch.Tensor) -> float:
        rows = image.amax(dim=1).nonzero().float()
        return float(GRID.x_min_m + (rows.mean() + 0.5) * 0.5)

    image = simulator.observe(states[-1]).raster
    assert image is not None
    assert middle_m(image[0, 0]) == pytest.approx(0.0, abs=0.26)
    assert middle_m(image[0, 1]) == pytest.approx(-4.0, abs=0.26)
    # Two states in, half a second ago is before the start: the first state stands for it, -1.6 m.
    image = simulator.observe(states[2]).raster
    assert image is not None and middle_m(image[0, 1]) == pytest.approx(-1.6, abs=0.26)
    image = simulator.observe(states[0]).raster  # no history at all
    assert image is not None and torch.equal(image[0, 0], image[0, 1])


def test_a_sweep_in_the_observation() -> None:
    simulator = _simulator(20.0, Needs(lidar=LidarSpec((-1.0,), 4, 50.0, mount_z_m=0.5)))
    observation = simulator.observe(simulator.reset())
    assert observation.raster is None and observation.lidar is not None
    # The rear of the car is at 18 m; the beam falls by a degree: 18 / cos(1 deg).
    range_m = float(observation.lidar.range_m[0, 0, 0])
    assert range_m == pytest.approx(18.0 / math.cos(math.radians(1.0)), abs=1e-3)
