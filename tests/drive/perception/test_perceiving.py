"""What a planner is shown that knows of others by detections, against what was there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drive.perception.online_tracker import Tracks
from drive.perception.perceiving import ODOMETRY_S, perceived
from drive.planning import make_planner
from eval.rollout import Rollout, rollout
from sim.errors import InputError
from sim.geometry import se2
from sim.interface import Needs, Observation, Plan
from sim.scenario import AgentKind, Scenario
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import RasterSpec
from sim.simulator import Simulator
from tests.drive.perception.oracle import Oracle, Told
from tests.toy import Car, make_scenario, straight

BEND_M = 30.0
FEW_BEAMS = LidarSpec((0.0,), 8, 20.0)  # the oracle looks at none


class _Notes:
    """IDM that keeps what it is shown."""

    needs = Needs(history_s=0.5, lidar=FEW_BEAMS)

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self._idm = make_planner("idm")

    def plan(self, observation: Observation) -> Plan:
        self.seen.append(observation)
        plan = self._idm.plan(observation)
        assert isinstance(plan, Plan)
        return plan


class _Knows(Told):
    """Keeps what was there beside it."""

    def __init__(self, planner: _Notes, oracle: Oracle) -> None:
        super().__init__(planner, oracle)
        self.there: list[Observation] = []

    def plan(self, observation: Observation) -> Plan:
        self.there.append(observation)
        plan = super().plan(observation)
        assert isinstance(plan, Plan)
        return plan


def _bend() -> Scenario:
    """The ego on a bend to the left; a car before it, one towards it, one parked, somebody on foot."""
    angle = np.linspace(0.0, np.pi / 2, 60)
    arc = BEND_M * np.stack((np.sin(angle), 1 - np.cos(angle)), axis=1)
    line = np.concatenate((straight(-60, 0, -1, 0), arc, straight(30, 31, 30, 90)))
    cars = [
        Car(0, -25.0, 0.0, 0.0, 8.0),
        Car(-1, 0.0, 0.0, 0.0, 6.0),
        Car(-1, 50.0, 4.0, np.pi, 9.0),
        Car(-1, 10.0, -6.0, 0.3),
        Car(-1, 12.0, 12.0, np.pi / 2, 1.4, (0.6, 0.6, 1.8), AgentKind.PEDESTRIAN),
    ]
    return make_scenario([line], cars, duration_s=4.0)


def _driven(
    noise_m: float, replan_s: float, needs: Needs | None = None
) -> tuple[_Notes, _Knows, Rollout]:
    notes = _Notes()
    if needs is not None:
        notes.needs = needs
    planner = _Knows(notes, Oracle(noise_m))
    simulator = Simulator.from_scenarios([_bend(), _bend()], "log")
    return notes, planner, rollout(simulator, planner, replan_s=replan_s)


@pytest.mark.parametrize(
    ("noise_m", "replan_s", "off_m", "off_mps"),
    [(0.0, 0.1, 0.02, 0.05), (0.0, 0.5, 0.05, 0.1), (0.15, 0.5, 0.6, 1.2)],
)
def test_who_is_found_is_known_as_if_it_had_been_told(
    noise_m: float, replan_s: float, off_m: float, off_mps: float
) -> None:
    notes, knows, _ = _driven(noise_m, replan_s)
    numbers = set()
    for shown, there in list(zip(notes.seen, knows.there, strict=True))[round(1.5 / replan_s) :]:
        agents, true = shown.agents, there.agents
        near = (agents.pose[..., None, :2] - true.pose[:, None, :, :2]).norm(dim=-1)
        near = torch.where(agents.valid.unsqueeze(2), near, torch.inf)
        for w in range(2):
            for n in range(true.valid.shape[1]):
                x, y = true.pose[w, n, :2].tolist()
                if not (-30 < x < 62 and -30 < y < 30):
                    continue
                k = int(near[w, :, n].argmin())
                assert float(near[w, k, n]) < off_m
                gap = agents.velocity_mps[w, k] - true.velocity_mps[w, n]
                assert float(gap.norm()) < off_mps
                assert int(agents.kind[w, k]) == int(true.kind[w, n])
                moves = float(true.velocity_mps[w, n].norm()) > 2.0
                turn = se2.wrap_angle(agents.pose[w, k, 2] - true.pose[w, n, 2])
                if moves:
                    assert abs(float(turn)) < 0.1  # its front is where it goes
                numbers.add((w, n, int(agents.id[w, k])))
    assert len(numbers) == len({(w, n) for w, n, _ in numbers}) >= 6  # one number each, all along


def test_history_is_where_they_were_seen_from_now_and_the_egos_own() -> None:
    notes, knows, _ = _driven(0.0, 0.2)
    shown, there = notes.seen[12], knows.there[12]
    history, own, true = shown.history, there.history, there.agents
    assert history is not None and own is not None
    assert history.pose.shape == (2, 65, 6, 3)
    torch.testing.assert_close(history.pose[:, 0], own.pose[:, 0, -6:])
    parked = 2
    k = int((shown.agents.pose[0, :, :2] - true.pose[0, parked, :2]).norm(dim=-1).argmin())
    assert history.valid[0, 1 + k].all()
    gap = history.pose[0, 1 + k, :, :2] - own.pose[0, 1 + parked, -6:, :2]
    assert float(gap.norm(dim=-1).max()) < 0.02
    torch.testing.assert_close(history.pose[:, 1:, -1], shown.agents.pose)
    torch.testing.assert_close(history.velocity_mps[:, 1:, -1], shown.agents.velocity_mps)
    assert torch.equal(history.valid[:, 1:, -1], shown.agents.valid)


def test_what_is_not_asked_for_is_not_shown_and_what_was_seen_is_part_of_the_plan() -> None:
    notes, knows, _ = _driven(0.0, 1.0, Needs(map=True))
    assert knows.needs.lidar is not None and knows.needs.history_s == ODOMETRY_S
    assert all(one.lidar is None and one.history is None for one in notes.seen)
    plan = knows.plan(knows.there[-1])
    assert plan.perceived is notes.seen[-1].agents


def test_the_egos_pace_is_the_first_guess_at_who_goes_along() -> None:
    """At the first look nobody's velocity is known: cars along the ego's way are as fast as it, 8 m/s."""
    notes = _Notes()
    planner = _Knows(notes, Oracle())
    simulator = Simulator.from_scenarios([_bend()], "log")
    rollout(simulator, planner, num_steps=1)
    first = notes.seen[0].agents
    assert not first.valid.any()  # seen once, not well
    true = planner.there[0].agents
    ahead, walker = (
        (first.pose[0, :, :2] - true.pose[0, n, :2]).norm(dim=-1).argmin() for n in (0, 3)
    )
    torch.testing.assert_close(first.velocity_mps[0, ahead], torch.tensor((8.0, 0.0)))
    torch.testing.assert_close(first.velocity_mps[0, walker], torch.zeros(2))


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        (
            Needs(privileged=True),
            "_Notes is shown the simulator's own world, not what was detected",
        ),
        (Needs(raster=RasterSpec()), "_Notes is shown a raster of everybody's track"),
    ],
)
def test_who_is_shown_what_no_detector_tells_is_refused(needs: Needs, told: str) -> None:
    notes = _Notes()
    notes.needs = needs
    with pytest.raises(InputError, match=told):
        Told(notes, Oracle())


def test_who_is_slow_stands_but_on_foot_is_slow_a_pace() -> None:
    """At 0.8 m/s a car stands and a walker walks; at 0.4 m/s neither moves, at 1.2 m/s both do."""
    simulator = Simulator.from_scenarios([_bend()], "log", Needs())
    seen = simulator.observe(simulator.reset())
    none = Tracks.none(1, torch.device("cpu"))
    for mps, moves in ((0.4, [False, False]), (0.8, [False, True]), (1.2, [True, True])):
        mean, size_m = none.mean.clone(), none.size_m.clone()
        mean[:, :, 1, 0], size_m[:, 0], size_m[:, 1] = mps, 4.5, 0.6
        tracks = replace(none, mean=mean, size_m=size_m)
        agents = perceived(tracks, torch.zeros(1, 3), seen)
        assert (agents.velocity_mps[0, :2, 0] == mps).tolist() == moves


def test_plans_too_far_apart_begin_anew() -> None:
    notes, knows, _ = _driven(0.0, 0.5)
    late = replace(knows.there[-1], step=knows.there[-1].step + 31)
    assert notes.seen[-1].agents.valid.any()
    knows.plan(late)
    assert not notes.seen[-1].agents.valid.any()
