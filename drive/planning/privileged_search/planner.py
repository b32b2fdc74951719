"""`privileged_search`: tries drives in the simulator before the first step, and drives the best."""

import torch
from torch import Tensor

from drive.planning.privileged_search.search import Drive, search
from sim.benchmarks import read_witness
from sim.errors import InputError
from sim.geometry import se2
from sim.interface import Needs, Observation, Plan
from sim.scenario import EGO
from sim.sensors.suite import SensorSuite
from sim.simulator import Simulator

HORIZON = 40
AT_ONCE = 8  # worlds searched together


class PrivilegedSearch:
    """The upper row of tables: it knows the drivers, and what they will do whatever it does.

    In the scenarios of a benchmark it drives the witness that was stored when the benchmark was made.
    Raises InputError where a scenario has no goal: there is nothing to search for.
    """

    needs = Needs(privileged=True, map=True)

    def __init__(self) -> None:
        self.drives: list[Drive] = []

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Before the first plan of a roll-out."""
        self.drives = []

    def plan(self, observation: Observation) -> Plan:
        """The rest of the drive that was found."""
        known = observation.privileged
        assert known is not None
        if not self.drives:
            for scenario in known.world.scenarios:
                if scenario.goal_line_m is None:
                    raise InputError(
                        f"--planner privileged_search: {scenario.scenario_id}: no goal"
                    )
            simulator = Simulator(known.world, known.traffic, Needs(), SensorSuite(), None)
            self.drives = _drives_of(simulator)
        ahead = torch.stack(
            [
                _ahead(drive, int(step))
                for drive, step in zip(self.drives, observation.step, strict=True)
            ]
        )
        ego_SE2_world = se2.inverse(known.state.pose[:, EGO]).unsqueeze(1)
        local = se2.compose(ego_SE2_world, ahead[..., :3])
        return Plan(torch.cat((local, ahead[..., 3:]), dim=-1), observation.dt_s, tracking="exact")


def _drives_of(simulator: Simulator) -> list[Drive]:
    """The stored witnesses of a benchmark's scenarios, as they were found; else what the search finds."""
    drives: dict[int, Drive] = {}
    for number, scenario in enumerate(simulator.world.scenarios):
        witness = read_witness(scenario.scenario_id)
        if witness is not None and len(witness) == scenario.num_instants:
            drives[number] = Drive(torch.from_numpy(witness), None)
    rest = [w for w in range(simulator.world.num_worlds) if w not in drives]
    for first in range(0, len(rest), AT_ONCE):
        part = rest[first : first + AT_ONCE]
        drives |= zip(part, search(simulator, part), strict=True)
    return [drives[w] for w in range(simulator.world.num_worlds)]


def _ahead(drive: Drive, step: int) -> Tensor:
    """`[HORIZON, 5]` from the next instant on; the last one repeats."""
    index = torch.arange(step + 1, step + 1 + HORIZON)
    return drive.course[index.clamp(max=len(drive.course) - 1)]
