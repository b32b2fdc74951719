"""Agents with a part to play: when their cue falls, and what it makes them do (`sim.scenario.Cues`)."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim import trees
from sim.scenario import CueAction, Cues, Scenario

NOT_YET = -1
_START, _BRAKE = int(CueAction.START), int(CueAction.BRAKE)  # plain ints: see `sim.traffic.idm`


@dataclass(frozen=True)
class CueTable:
    """The cues of a batch, a row for each agent; the fields are those of `Cues`."""

    action: Int[Tensor, "b n"]
    place_m: Float[Tensor, "b n 2"]
    reach_m: Float[Tensor, "b n"]
    latest_s: Float[Tensor, "b n"]
    braking_mps2: Float[Tensor, "b n"]
    braking_s: Float[Tensor, "b n"]
    rehearsed_s: Float[Tensor, "b n"]

    @staticmethod
    def of(scenarios: list[Scenario]) -> "CueTable | None":
        """Of the scenarios of a batch; None where no agent has a part."""
        if all(scenario.cues is None for scenario in scenarios):
            return None
        rows = [scenario.cues or no_cues(scenario.num_agents) for scenario in scenarios]
        names = [field.name for field in fields(CueTable)]
        return CueTable(
            **{
                k: trees.stack_padded([trees.of_tensor_type(getattr(row, k)) for row in rows])
                for k in names
            }
        )

    def fallen(
        self,
        cue_step: Int[Tensor, "b n"],
        step: Int[Tensor, " b"],
        ego_m: Float[Tensor, "b 2"],
        dt_s: float,
    ) -> Int[Tensor, "b n"]:
        """At which step each cue fell, `NOT_YET` if it has not: `cue_step` brought up to date."""
        gap_m = torch.linalg.vector_norm(ego_m.unsqueeze(1) - self.place_m, dim=-1)
        now = step.unsqueeze(1)
        falls = (self.action > 0) & ((gap_m < self.reach_m) | (now * dt_s >= self.latest_s))
        return torch.where((cue_step == NOT_YET) & falls, now, cue_step)

    def played(
        self,
        cue_step: Int[Tensor, "b n"],
        step: Int[Tensor, " b"],
        acceleration_mps2: Float[Tensor, "b n"],
        dt_s: float,
    ) -> Float[Tensor, "b n"]:
        """Accelerations with the parts played: who stands until its cue, who brakes at it."""
        fallen = cue_step != NOT_YET
        since_s = (step.unsqueeze(1) - cue_step) * dt_s
        brakes = (self.action == _BRAKE) & fallen & (since_s < self.braking_s)
        hardest = torch.minimum(acceleration_mps2, -self.braking_mps2)
        braked = torch.where(brakes, hardest, acceleration_mps2)
        return torch.where((self.action == _START) & ~fallen, braked.clamp(max=0.0), braked)

    def late_steps(
        self,
        cue_step: Int[Tensor, "b n"],
        step: Int[Tensor, " b"],
        late_steps: Int[Tensor, "b n"],
        dt_s: float,
    ) -> Int[Tensor, "b n"]:
        """How far each agent is behind the recording: who waits for its cue more and more.

        Negative: its cue came earlier than in the recording.
        """
        rehearsed = self._rehearsed_step(dt_s)
        waiting = (step.unsqueeze(1) - rehearsed).clamp(min=0)
        held = torch.where(cue_step == NOT_YET, waiting, cue_step - rehearsed)
        return torch.where(self.action == _START, held, late_steps)

    def recorded_cue_step(self, step: Int[Tensor, " b"], dt_s: float) -> Int[Tensor, "b n"]:
        """`cue_step` of the recording at its instant `step`."""
        rehearsed = self._rehearsed_step(dt_s)
        known = (self.action > 0) & (rehearsed <= step.unsqueeze(1))
        return torch.where(known, rehearsed, NOT_YET)

    def _rehearsed_step(self, dt_s: float) -> Int[Tensor, "b n"]:
        return torch.round(self.rehearsed_s / dt_s).long()


def no_cues(num_agents: int) -> Cues:
    """Nobody has a part."""
    zeros = np.zeros(num_agents, dtype=np.float32)
    nobody = np.zeros(num_agents, dtype=np.int64)
    return Cues(nobody, np.zeros((num_agents, 2), dtype=np.float32), *(zeros,) * 5)
