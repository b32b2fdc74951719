"""PDM-Closed that is told what everybody will do: what perfect prediction could be worth."""

from dataclasses import replace
from functools import partial

from drive.planning.futures import Outlook, recorded
from drive.planning.pdm.planner import PdmClosed
from sim.interface import Agents, Needs, Observation, Plan


class PdmForesight(PdmClosed):
    """In place of constant velocities it is given the recording: true where traffic replays it."""

    needs = Needs(map=True, privileged=True)

    def __init__(self) -> None:
        """Nobody forecasts for it."""
        super().__init__()

    def plan(self, observation: Observation) -> Plan:
        """As PDM-Closed, and nobody is hidden."""
        known = observation.privileged
        assert known is not None
        return super().plan(replace(observation, agents=Agents.of(known.world, known.state)))

    def outlook(self, observation: Observation) -> Outlook:
        """The recording."""
        assert observation.privileged is not None
        return Outlook.certain(partial(recorded, observation.privileged), observation.agents)
