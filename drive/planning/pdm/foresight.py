"""PDM-Closed that is told what everybody will do: what perfect prediction could be worth."""

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from drive.planning.futures import Futures, recorded
from drive.planning.pdm.planner import PdmClosed
from sim.interface import Agents, Needs, Observation, Plan


class PdmForesight(PdmClosed):
    """In place of constant velocities it is given the recording: true where traffic replays it."""

    needs = Needs(map=True, privileged=True)

    def plan(self, observation: Observation) -> Plan:
        """As PDM-Closed, and nobody is hidden."""
        known = observation.privileged
        assert known is not None
        return super().plan(replace(observation, agents=Agents.of(known.world, known.state)))

    def futures(self, observation: Observation, time_s: Float[Tensor, " t"]) -> Futures:
        """The recording."""
        assert observation.privileged is not None
        return recorded(observation.privileged, time_s)
