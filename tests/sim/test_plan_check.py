"""What is said of plans that are none."""

from typing import Any

import numpy as np
import pytest
import torch

from sim.errors import InputError
from sim.geometry.grid import BevGrid
from sim.interface import Agents, Forecast, Occupancy, Plan
from sim.plan_check import check_plan

CPU = torch.device("cpu")
GOOD = {"trajectory": torch.zeros(2, 8, 5), "dt_s": 0.5, "tracking": "lqr"}
SHOWN = ("candidates", "costs", "forecast", "occupancy")


def _unchecked(cls: type, **fields: Any) -> Any:
    """As a user's code makes one, without the checks of these tests."""
    made = object.__new__(cls)
    vars(made).update(fields)
    return made


def _plan(**changed: Any) -> Plan:
    return _unchecked(Plan, **GOOD | dict.fromkeys(SHOWN) | changed)


def _with(value: float) -> torch.Tensor:
    trajectory = torch.zeros(2, 8, 5)
    trajectory[1, 3, 2] = value
    return trajectory


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (None, "plan: expected a sim.interface.Plan, got None"),
        (torch.zeros(2, 8, 5), "plan: expected a sim.interface.Plan, got a torch.Tensor"),
        (_plan(trajectory=np.zeros((2, 8, 5))), "expected a float32 tensor [2, any, 5], got a numpy"),
        (_plan(trajectory=torch.zeros(2, 8, 3)), "[2, any, 5], got one of shape [2, 8, 3]"),
        (_plan(trajectory=torch.zeros(8, 5)), "[2, any, 5], got one of shape [8, 5]"),
        (_plan(trajectory=torch.zeros(3, 8, 5)), "[2, any, 5], got one of shape [3, 8, 5]"),
        (_plan(trajectory=torch.zeros(2, 0, 5)), "[2, any, 5], got one of shape [2, 0, 5]"),
        (_plan(trajectory=torch.zeros(2, 8, 5).double()), "float32 tensor [2, any, 5], got float64"),
        (_plan(trajectory=torch.zeros(2, 8, 5, device="meta")), "on cpu, got one on meta"),
        (_plan(trajectory=_with(torch.nan)), "not finite at world 1, entry 3, column 2 (x, y, yaw"),
        (_plan(trajectory=_with(-torch.inf)), "not finite at world 1, entry 3, column 2"),
        (_plan(dt_s=0.0), "plan.dt_s: expected a positive number of seconds, got 0.0"),
        (_plan(dt_s=-0.1), "got -0.1"),
        (_plan(dt_s=float("nan")), "got nan"),
        (_plan(dt_s="0.1"), "got '0.1'"),
        (_plan(dt_s=torch.tensor(0.1)), "plan.dt_s: expected a positive number"),
        (_plan(tracking="magic"), "plan.tracking: unknown 'magic'"),
        (_plan(candidates=torch.zeros(2, 4, 3)), "plan.candidates: expected a float32 tensor [2, any"),
        (_plan(candidates=torch.zeros(2, 4, 8, 2)), "tensor [2, any, any, 3], got one of shape [2, 4, 8"),
        (_plan(candidates=torch.zeros(2, 4, 8, 3), costs=torch.zeros(2, 5)), "plan.costs: expected "
         "a float32 tensor [2, 4], got one of shape [2, 5]"),
        (_plan(forecast=torch.zeros(2)), "plan.forecast: expected a sim.interface.Forecast, got a"),
        (_plan(forecast=_unchecked(Forecast, position_m=torch.zeros(2, 3, 1, 8, 2),
                                   probability=torch.zeros(2, 4, 1), dt_s=0.5)),
         "plan.forecast.probability: expected a float32 tensor [2, 3, 1], got one of shape [2, 4, 1]"),
        (_plan(occupancy=_unchecked(Occupancy, probability=torch.zeros(2, 4, 6, 5),
                                    grid=BevGrid(0.0, 0.0, 1.0, 5, 6), dt_s=0.5)),
         "plan.occupancy.probability: expected a float32 tensor [2, any, 5, 6], got one of shape"),
        (_plan(perceived=torch.zeros(2)), "plan.perceived: expected a sim.interface.Agents, got a"),
        (_plan(perceived=_unchecked(Agents, valid=torch.ones(2, 3, dtype=torch.bool),
                                    pose=torch.zeros(2, 3, 2), size_m=torch.zeros(2, 3, 2))),
         "plan.perceived.pose: expected a float32 tensor [2, 3, 3], got one of shape [2, 3, 2]"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_what_is_expected(plan: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        check_plan(plan, 2, CPU, "Mine, step 3")
    assert str(raised.value).startswith("Mine, step 3: plan") and message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_good_plans_pass() -> None:
    expected = Forecast(torch.zeros(2, 3, 1, 8, 2), torch.ones(2, 3, 1), 0.5)
    nobody = Forecast(torch.zeros(2, 0, 1, 8, 2), torch.ones(2, 0, 1), 0.5)
    occupied = Occupancy(torch.zeros(2, 4, 5, 6), BevGrid(0.0, 0.0, 1.0, 5, 6), 0.5)
    check_plan(Plan(torch.zeros(2, 1, 5), 0.1), 2, CPU, "")
    check_plan(
        Plan(
            torch.zeros(2, 8, 5), 0.1,
            candidates=torch.zeros(2, 4, 8, 3), costs=torch.full((2, 4), torch.inf),
            forecast=expected, occupancy=occupied,
        ), 2, CPU, "",
    )  # fmt: skip
    check_plan(Plan(torch.zeros(2, 8, 5), 0.1, forecast=nobody), 2, CPU, "")
