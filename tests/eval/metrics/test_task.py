"""Success, time-out and time to the goal, by hand.

The recorded ego does 10 m/s for 4.1 s: 41 m, so that the goal line is at x = 38.95, y = -3 to 3; it
crosses that at 3.9 s. The ego's box is 4 m long.
"""

from dataclasses import replace

import numpy as np
import pytest

from eval.metrics.suite import evaluate
from eval.rollout import Rollout
from sim.goals import Goals
from tests.eval.metrics.cases import BESIDE, LONG, Track, drive

SUCCESS, TIMEOUT, TIME = "bevdrive/success", "bevdrive/timeout", "bevdrive/time_to_goal"


def _along(speed: float, y: float = 0.0):
    return lambda t: (speed * t, y, 0.0)


def _drive(driven, *tracks: Track) -> Rollout:
    return drive([LONG, BESIDE], _along(10.0), tracks, driven, instants=42)


def _values(rollout: Rollout) -> list[float | None]:
    results = evaluate(rollout)
    found = [results[name] for name in (SUCCESS, TIMEOUT, TIME)]
    return [round(float(r.value[0]), 4) if r.valid[0] else None for r in found]


def _with_goal(rollout: Rollout, line: list, limit_s: float) -> Rollout:
    scenario = rollout.world.scenarios[0]
    own = replace(scenario, goal_line_m=np.array(line), time_limit_s=limit_s)
    return replace(rollout, world=replace(rollout.world, goals=Goals.from_scenarios([own])))


def test_who_gets_there_in_time_succeeds() -> None:
    # 12 m/s crosses at 3.25 s: at the instant 3.3 s. 33 / 39 of the recorded ego's time.
    rollout = _drive(_along(12.0))
    assert _values(rollout) == [1.0, 0.0, 0.8462]
    course = evaluate(rollout)[SUCCESS].per_step[0]
    assert course[:33].sum() == 0.0 and course[33:].all()


def test_who_is_late_has_timed_out() -> None:
    assert _values(_drive(_along(9.0))) == [0.0, 1.0, None]  # 36.9 m far


def test_who_passes_beside_the_line_has_not_reached_it() -> None:
    assert _values(_drive(_along(12.0, 3.5))) == [0.0, 1.0, None]


def test_a_collision_before_the_goal_fails_and_is_no_time_out() -> None:
    standing = Track(lambda t: (20.0, 0.0, 0.0))
    assert _values(_drive(_along(12.0), standing)) == [0.0, 0.0, 0.8462]
    assert _values(_drive(_along(9.0), standing)) == [0.0, 0.0, None]


def test_what_happens_after_the_goal_does_not_count() -> None:
    # The rear of a car at x = 45 is met when the ego is at 41: 3.42 s, after the goal at 3.3 s.
    rollout = _drive(_along(12.0), Track(lambda t: (45.0, 0.0, 0.0)))
    assert float(evaluate(rollout)["nuplan/no_at_fault_collision"].value[0]) == 0.0
    assert _values(rollout) == [1.0, 0.0, 0.8462]


@pytest.mark.parametrize(
    ("line", "limit_s", "success"),
    [
        ([(30.0, 2.0), (30.0, -2.0)], 2.5, 1.0),  # 12 m/s: at 2.5 s, the limit
        ([(30.1, 2.0), (30.1, -2.0)], 2.5, 0.0),  # a step later
        ([(30.0, -2.0), (30.0, 2.0)], 4.0, 0.0),  # to be crossed the other way
    ],
)
def test_goals_of_scenarios(line: list, limit_s: float, success: float) -> None:
    rollout = _with_goal(_drive(lambda t: (12.0 * t + 1e-3, 0.0, 0.0)), line, limit_s)
    assert _values(rollout)[0] == success


def test_off_the_road_fails() -> None:
    # The road is 6 m wide to either side: at y = 5.2 the left side of the car is 0.2 m off it, at 5.4 0.4 m.
    for y, success in ((5.2, 1.0), (5.4, 0.0)):
        rollout = _with_goal(_drive(_along(12.0, y)), [(30.0, 8.0), (30.0, -8.0)], 4.0)
        assert _values(rollout)[:2] == [success, 0.0]


def test_an_ego_that_was_recorded_standing_has_no_goal() -> None:
    rollout = drive([LONG], lambda t: (0 * t, 0.0, 0.0), driven=_along(5.0))
    assert _values(rollout) == [None, None, None]
