"""Instants of a drive, against what its planner was shown in the closed loop."""

from dataclasses import replace

import pytest
import torch

from eval.rollout import rollout
from eval.runs.drive_instants import DriveInstants
from eval.runs.drive_record import DriveRecord
from eval.runs.tracer import Tracer
from sim.errors import InputError
from sim.interface import Needs, Observation, Perception, Plan
from sim.maps.lane_table import LaneSpec
from sim.scenario import Scenario
from sim.sensors.raster import RasterSpec
from sim.simulator import Simulator
from sim.sources.procedural import generate
from tests.toy import Car, make_scenario, straight


class _Weaving:
    """Brakes in bends to the left and to the right; keeps all that it is shown."""

    needs = Needs(history_s=1.0, map=True, lanes=LaneSpec(), raster=RasterSpec())

    def __init__(self) -> None:
        self.shown: list[Observation] = []

    def plan(self, observation: Observation) -> Plan:
        self.shown.append(observation)
        time_s = 0.1 * torch.arange(1, 41)
        curvature = 0.02 if len(self.shown) < 15 else -0.02
        speed = (observation.ego.speed_mps - 1.0 * time_s).clamp(min=0.0)
        way = torch.cumsum(0.1 * speed, dim=0)
        yaw = curvature * way
        x, y = torch.sin(yaw) / curvature, (1.0 - torch.cos(yaw)) / curvature
        bend = torch.full_like(yaw, curvature)
        return Plan(torch.stack((x, y, yaw, speed, bend), dim=-1).unsqueeze(0), 0.1)


def _driven(scenario: Scenario, perception: Perception) -> tuple[_Weaving, DriveRecord]:
    planner = _Weaving()
    simulator = Simulator.from_scenarios([scenario], "idm")
    driven = rollout(simulator, planner, 30, perception=perception)
    return planner, DriveRecord.of(driven, {}, (), Tracer(), 0)


@pytest.mark.parametrize("perception", ["tracks", "visible"])
def test_instants_are_those_of_the_closed_loop(perception: Perception) -> None:
    scenario = generate(["signalized_junction"], 1)[0]
    planner, drive = _driven(scenario, perception)
    needs = replace(_Weaving.needs, perception=perception)
    instants = DriveInstants(scenario, drive, needs)
    assert float(planner.shown[25].ego.steering_rad.abs()) > 0.01  # else it would prove little
    for k in (25, 0, 12):
        was, now = planner.shown[k], instants.observe(k)
        assert int(now.step) == k
        for name in ("speed_mps", "acceleration_mps2", "steering_rad", "size_m", "wheelbase_m"):
            assert torch.allclose(getattr(was.ego, name), getattr(now.ego, name), atol=1e-5), name
        assert torch.allclose(was.route.ego_s_m, now.route.ego_s_m, atol=1e-3)
        assert torch.allclose(was.route.pose, now.route.pose, atol=1e-3)
        assert torch.equal(was.route.stop_s_m, now.route.stop_s_m)
        assert was.lanes is not None and now.lanes is not None
        assert torch.allclose(was.lanes.point_m, now.lanes.point_m, atol=1e-3)
        there = was.agents.valid
        assert torch.equal(there, now.agents.valid) and there.sum() > 3
        # Who is out of sight is moved on at its velocity, which is a slope (see below).
        near_m = 1e-3 if perception == "tracks" else 0.1
        assert (was.agents.pose - now.agents.pose)[there].abs().max() < near_m
        # Velocities are slopes over 0.2 s: half a step off at an acceleration of 6 m/s2.
        gap = (was.agents.velocity_mps - now.agents.velocity_mps)[there]
        assert gap.abs().max() < 0.3 and gap.abs().mean() < 0.05
        assert was.history is not None and now.history is not None
        known = was.history.valid
        assert torch.equal(known, now.history.valid)
        assert (was.history.pose - now.history.pose)[known].abs().max() < near_m
        assert was.raster is not None and now.raster is not None
        assert ((was.raster - now.raster).abs() > 0.1).float().mean() < 2e-3
        assert was.map is not None and now.map is not None
        places = 10.0 * torch.randn(1, 50, 2, generator=torch.Generator().manual_seed(0))
        off = was.map.offroad_distance_m(places) - now.map.offroad_distance_m(places)
        assert off.abs().max() < 0.3


def test_a_recording_is_shown_as_it_was_recorded() -> None:
    cars = [Car(0, 0.0, 0.0, speed_mps=5.0), Car(0, 14.0, 0.0, speed_mps=3.0)]
    scenario = make_scenario([straight(-20, 0, 80, 0)], cars, duration_s=3.0)
    seen = DriveInstants(scenario, None, Needs(history_s=0.5)).observe(20)
    # After 2 s the ego is at 10 m, the other at 20 m.
    assert float(seen.ego.speed_mps) == pytest.approx(5.0)
    assert seen.agents.pose[0, 0].tolist() == pytest.approx([10.0, 0.0, 0.0], abs=1e-4)
    assert seen.history is not None
    assert seen.history.pose[0, 0, 0].tolist() == pytest.approx([-2.5, 0.0, 0.0], abs=1e-4)


def test_the_drive_of_another_scenario_is_refused() -> None:
    lane = [straight(-20, 0, 80, 0)]
    _, drive = _driven(make_scenario(lane, [Car(0, 0.0, 0.0, speed_mps=5.0)]), "tracks")
    other = make_scenario(lane, [Car(0, 0.0, 0.0), Car(0, 9.0, 0.0)])
    with pytest.raises(InputError, match="1 agents"):
        DriveInstants(other, drive, Needs())
