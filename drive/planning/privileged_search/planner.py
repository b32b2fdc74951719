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
            self.drives = [_drive_of(simulator, w) for w in range(known.world.num_worlds)]
        ahead = torch.stack(
            [
                _ahead(drive, int(step))
                for drive, step in zip(self.drives, observation.step, strict=True)
            ]
        )
        ego_SE2_world = se2.inverse(known.state.pose[:, EGO]).unsqueeze(1)
        local = se2.compose(ego_SE2_world, ahead[..., :3])
        return Plan(torch.cat((local, ahead[..., 3:]), dim=-1), observation.dt_s, tracking="exact")


def _drive_of(simulator: Simulator, number: int) -> Drive:
    """The stored witness of a benchmark's scenario, as it was found; else what the search finds."""
    scenario = simulator.world.scenarios[number]
    witness = read_witness(scenario.scenario_id)
    if witness is None or len(witness) != scenario.num_instants:
        return search(simulator, number)
    return Drive(torch.from_numpy(witness), None)


def _ahead(drive: Drive, step: int) -> Tensor:
    """`[HORIZON, 5]` from the next instant on; the last one repeats."""
    index = torch.arange(step + 1, step + 1 + HORIZON)
    return drive.course[index.clamp(max=len(drive.course) - 1)]
