"""What `benchmarks/expectations.py` calls happened, by hand."""

import torch

from benchmarks.expectations import touches
from sim.interface import Plan
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight


def test_who_is_touched_on_the_way() -> None:
    # At 8 m/s the ego, 4 m long, reaches a car that stands at 30 m within 5 s; not one at 60 m. The one
    # beside it stands 4 m off: both are 2 m wide. The last overlaps the ego from the beginning.
    cars = [
        Car(0, 0, 0, speed_mps=8.0),
        Car(-1, 30, 0),
        Car(-1, 60, 0),
        Car(-1, 10, 4),
        Car(-1, 1, 0),
    ]
    scenario = make_scenario([straight(-60, 0, 90, 0)], cars, 8.0)
    simulator = Simulator.from_scenarios([scenario], "log")
    state = simulator.reset()
    time_s = 0.5 * torch.arange(1, 11)
    way = torch.stack((8.0 * time_s, *(torch.zeros(10) for _ in range(4))), dim=-1)
    way[:, 3] = 8.0
    touched = touches(simulator, state, Plan(way.unsqueeze(0), 0.5))
    assert touched.tolist() == [[False, True, False, False, False]]
