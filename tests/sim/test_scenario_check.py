"""What the check lets through runs; what it refuses is named. Scenarios are drawn at random."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from drive.planning import make_planner
from eval.metrics.suite import evaluate
from eval.rollout import rollout
from sim.errors import InputError
from sim.scenario import AgentKind, Scenario
from sim.scenario_check import require_valid
from sim.simulator import Simulator
from sim.styles import uniform_styles
from tests.toy import Car, make_scenario, straight

_place = st.floats(-400.0, 400.0, width=32)
_size = st.floats(0.015625, 30.0, width=32)
_cars = st.builds(
    Car,
    lane=st.integers(-1, 1),
    x_m=_place,
    y_m=_place,
    yaw_rad=st.floats(-10.0, 10.0, width=32),
    speed_mps=st.floats(-10.0, 60.0, width=32),
    size_m=st.tuples(_size, _size, _size),
    kind=st.sampled_from(AgentKind),
)


@st.composite
def _scenarios(draw: st.DrawFn) -> Scenario:
    """Two roads and up to five agents anywhere, of any size, there now and then."""
    end_x, end_y = draw(_place), draw(_place)
    assume(np.hypot(end_x, end_y) > 2.0)
    lines = [straight(0.0, 0.0, 100.0, 0.0), straight(0.0, 0.0, end_x, end_y)]
    ego = replace(draw(_cars), lane=draw(st.integers(0, 1)))
    cars = [ego, *draw(st.lists(_cars, max_size=4))]
    made = make_scenario(lines, cars, duration_s=0.5, limit_mps=draw(st.floats(0.1, 60.0)))
    valid = made.tracks.valid.copy()
    flat = draw(st.lists(st.booleans(), min_size=valid.size, max_size=valid.size))
    valid[:] = np.array(flat).reshape(valid.shape)
    valid[0] = True
    position = np.where(valid[..., None], made.tracks.position_m, np.float32(np.nan))
    return replace(made, tracks=replace(made.tracks, valid=valid, position_m=position))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(scenario=_scenarios(), traffic=st.sampled_from(("idm", "log")))
def test_what_passes_runs(scenario: Scenario, traffic: str) -> None:
    try:
        require_valid(scenario)
    except InputError:
        assume(False)
    with torch.no_grad():
        driven = rollout(Simulator.from_scenarios([scenario], traffic), make_planner("idm"))
        results = evaluate(driven)
    assert torch.isfinite(driven.pose[:, :, 0]).all()
    for key, result in results.items():
        assert torch.isfinite(result.value[result.valid]).all(), key


def _toy() -> Scenario:
    return make_scenario([straight(0, 0, 50, 0)], [Car(0, 5.0, 0.0), Car(0, 20.0, 0.0)], 0.5)


def _tracks(**changed: object) -> Scenario:
    toy = _toy()
    return replace(toy, tracks=replace(toy.tracks, **changed))


def _moved(where: tuple[int, int], x_m: float, y_m: float = 0.0) -> Scenario:
    position = _toy().tracks.position_m.copy()
    position[where] = (x_m, y_m, 0.0)
    return _tracks(position_m=position)


def test_double_precision_runs() -> None:
    toy = _toy()
    styles = uniform_styles(toy.num_agents)
    doubled = {
        name: value.astype(np.float64)
        for name, value in vars(styles).items()
        if value.dtype.kind == "f"
    }
    tracks = replace(
        toy.tracks,
        size_m=toy.tracks.size_m.astype(np.float64),
        velocity_mps=toy.tracks.velocity_mps.astype(np.float64),
    )
    both = [replace(toy, tracks=tracks, styles=s) for s in (styles, replace(styles, **doubled))]
    for scenario in both:
        require_valid(scenario)
        with torch.no_grad():
            driven = rollout(Simulator.from_scenarios([scenario], "idm"), make_planner("idm"))
        assert driven.pose.dtype == torch.float32 and torch.isfinite(driven.pose[:, :, 0]).all()


def _lane(**changed: object) -> Scenario:
    toy = _toy()
    lane = replace(toy.map.lanes[0], **changed)
    return replace(toy, map=replace(toy.map, lanes=[lane, *toy.map.lanes[1:]]))


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (_moved((1, 3), 5e9), r"tracks\.position_m: 5e\+09 is beyond 20000: agent agent1, step 3"),
        (_moved((0, 3), 5000.0, 5000.0), r"tracks\.position_m: the ego, agent agent0, gets about in"),
        (_tracks(track_id=["a", "a"]), r"tracks\.track_id: 'a' twice"),
        (_tracks(kind=np.array([0, 7])), r"tracks\.kind: agent agent1: 7 is no AgentKind"),
        (replace(_toy(), scenario_id="x" * 5000), "scenario_id: 5000 characters"),
        (replace(_toy(), scenario_id="a\nb"), "scenario_id: .* cannot be shown"),
        (replace(_toy(), dt_s=3.0), "dt_s: 3 is not above 0 and at most 1"),
        (replace(_toy(), dt_s=1e-5), "dt_s: 1e-05 s is less than"),
        # 800 points at one place; 1,000 points on one metre, each less than 1 mm from the one before.
        (_lane(polygon_m=np.ones((800, 2), "f4")), r"polygon_m: fewer than 3 of its points are apart"),
        (_lane(centerline_m=np.linspace((0, 0), (1, 0), 1002, dtype="f4")), r"lane0\)\.\w+: 1 m long, at"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(scenario: Scenario, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        require_valid(scenario)
