"""What the ego is to do, and the parts that agents play."""

from dataclasses import fields

from sim.errors import InputError
from sim.scenario import CueAction, Cues, Scenario
from sim.scenario_check.values import (
    FARTHEST_M,
    require_array,
    require_bounded,
    require_line,
    require_number,
    require_type,
)

_ACTIONS = [int(action) for action in CueAction]
_MOST = {"braking_mps2": 20.0, "reach_m": FARTHEST_M, "place_m": FARTHEST_M}  # others: seconds
_LATEST_S = 1e6


def check_task(scenario: Scenario) -> None:
    """Goal and time limit: both or none; InputError for the first thing that is wrong."""
    goal, limit = scenario.goal_line_m, scenario.time_limit_s
    if (goal is None) != (limit is None):
        raise InputError("goal_line_m, time_limit_s: one without the other")
    if goal is None:
        return
    require_array("goal_line_m", goal, (2, 2), "f")
    require_line("goal_line_m", goal, 0.5)
    last_s = (scenario.num_instants - 1) * scenario.dt_s
    require_number("time_limit_s", limit, 0.0, last_s + 1e-6)


def check_cues(cues: Cues, num_agents: int) -> None:
    """Raise InputError for the first thing that is wrong."""
    require_type("cues", cues, Cues)
    require_array("cues.action", cues.action, (num_agents,), "i")
    for action in cues.action.tolist():
        if action not in _ACTIONS:
            raise InputError(f"cues.action: {action} is none of {_ACTIONS}")
    for name in (field.name for field in fields(Cues) if field.name != "action"):
        values, where = getattr(cues, name), f"cues.{name}"
        require_array(where, values, (num_agents, 2) if name == "place_m" else (num_agents,), "f")
        require_bounded(where, values, _MOST.get(name, _LATEST_S))
        if name != "place_m" and (values < 0.0).any():
            raise InputError(f"{where}: {values.min():.6g} is negative")
