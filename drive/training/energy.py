"""Task energy: what the expert did has a lower energy than what else it might have done."""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import vector_scene
from drive.networks.joint_head import JointFutures
from drive.planning.candidates import Candidates, Sampler
from drive.planning.energy.langevin import (
    energy_gradient,
    implicit_bc_optimiser,
    polynomial_decay,
)
from drive.planning.energy.losses import gradient_penalty, info_nce
from drive.planning.energy.network import Around, EnergyConfig, EnergyNetwork
from drive.planning.energy.planner import places
from drive.planning.samplers.frenet import FrenetSampler
from drive.planning.trajectories import trajectory_of
from drive.training.bc import ego_figures, expert
from drive.training.config import EnergyTrainConfig
from drive.training.copycat import without_ego_past
from drive.training.task import Task
from sim import trees
from sim.interface import EgoState

_BENT_M = (6.0, 2.0)  # ahead and to the side, at the end: what y = 1 bends a trajectory by
_JITTER = 0.5  # of y


class EnergyTask(Task):
    """Trains an `EnergyNetwork` by InfoNCE: the demonstration among negatives.

    Beside what a sampler proposes the negatives are copies of the demonstration that are bent a little:
    they move as it does, so they are told apart by where they lead alone.
    """

    quality = "ADE"
    config: EnergyTrainConfig
    network: EnergyNetwork

    @staticmethod
    def make_network(config: EnergyTrainConfig) -> EnergyNetwork:
        """Untrained."""
        return EnergyNetwork(EnergyConfig.of(config))

    def __init__(self, config: EnergyTrainConfig) -> None:
        super().__init__(config)
        self.sampler: Sampler = FrenetSampler()

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """By name; `loss` is the one that falls."""
        scene, ego = vector_scene(example.observation), example.observation.ego
        chance = torch.rand(example.num, generator=generator).to(scene.agent_pose.device)
        around = self.network.around(without_ego_past(scene, chance < self.config.mask_motion))
        truth_m, known = expert(example)
        shown_m = torch.where(known.unsqueeze(-1), truth_m, 0.0)
        proposed = drawn(self.sampler(example.observation), self.config.candidates, generator)
        penalty = torch.zeros_like(around.speed_mps).sum()
        if self.config.negatives == "langevin":
            proposed = drawn(proposed, self.config.counter_examples, generator)
            proposed_m, penalty = self._down_the_energy(around, places(proposed), ego, generator)
        else:
            proposed_m = places(proposed)
        ours_m = torch.cat((shown_m, self._jittered(shown_m, generator)), dim=1)
        told = trajectory_of(torch.cat((ours_m, proposed_m), dim=1), ego)
        valid = torch.cat((torch.ones_like(ours_m[..., 0, 0]).bool(), proposed.valid), dim=1)
        cost = info_nce(self.network(around, told).float(), valid)
        counts = known.all(dim=2).squeeze(1).to(cost.dtype)
        choice = (cost * counts).sum() / counts.sum().clamp(min=1.0)
        total = choice + self.config.penalty_weight * penalty
        return {"loss": total, "choice": choice, "penalty": penalty}

    def _jittered(
        self, shown_m: Float[Tensor, "b 1 t 2"], generator: torch.Generator
    ) -> Float[Tensor, "b k t 2"]:
        """Copies of what was shown, bent a little."""
        shape = (len(shown_m), self.config.jittered, 2, 2)
        y = _JITTER * torch.randn(shape, generator=generator).to(shown_m)
        return bent(shown_m.expand(-1, shape[1], -1, -1), y)

    def _down_the_energy(
        self,
        around: Around,
        position_m: Float[Tensor, "b k t 2"],
        ego: EgoState,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, "b k t 2"], Float[Tensor, ""]]:
        """Trajectories bent by Implicit BC's optimiser, and the penalty on the gradient where they end.

        It starts bent anyhow; what is bent is y, from -1 to 1, which keeps trajectories smooth.
        """
        fixed = trees.map_tensors(torch.Tensor.detach, around)
        shape = (*position_m.shape[:2], 2, 2)
        start = 2.0 * torch.rand(shape, generator=generator).to(position_m) - 1.0

        def energy_of(y: Tensor, scene: Around = fixed) -> Tensor:
            return self.network(scene, trajectory_of(bent(position_m, y), ego))

        sizes = polynomial_decay(self.config.langevin_steps)
        y = implicit_bc_optimiser(energy_of, start, sizes, generator)
        steep = energy_gradient(lambda y: energy_of(y, around), y, differentiable=True)
        return bent(position_m, y), gradient_penalty(steep).mean()

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Errors over 5 s of the candidate of the lowest energy; `minADE`: of the best one (what cannot be
        driven counts there as standing still).

        `lower`: what share of the candidates has a lower energy than what the expert did.
        """
        around = self.network.around(vector_scene(example.observation))
        candidates, ego = self.sampler(example.observation), example.observation.ego
        truth_m, known = expert(example)
        shown_m = torch.where(known.unsqueeze(-1), truth_m, 0.0)
        told = trajectory_of(torch.cat((shown_m, places(candidates)), dim=1), ego)
        energy = self.network(around, told).float()
        score = (-energy[:, 1:]).masked_fill(~candidates.valid, -1e4)
        futures = JointFutures(told[:, 1:, None, :, :2], score.unsqueeze(2), candidates.dt_s)
        there = candidates.valid & known.all(dim=2)
        lower = (energy[:, 1:] < energy[:, :1]) & there
        found = ego_figures(futures, truth_m, known)
        return found | {"lower": (lower.sum(), there.sum())}


def bent(
    position_m: Float[Tensor, "b k t 2"], y: Float[Tensor, "b k 2 2"]
) -> Float[Tensor, "b k t 2"]:
    """Moved by y_1 (t / T)^2 + y_2 (t / T)^3, times `_BENT_M`: place and velocity of now stay."""
    points = position_m.shape[2]
    share = torch.arange(1, points + 1, device=y.device, dtype=y.dtype) / points
    growth = torch.stack((share.square(), share.pow(3)), dim=-1)
    return position_m + (growth @ y) * y.new_tensor(_BENT_M)


def drawn(candidates: Candidates, count: int, generator: torch.Generator) -> Candidates:
    """At most so many of each world's, those that are valid first."""
    chance = torch.rand(candidates.valid.shape, generator=generator).to(candidates.trajectory)
    order = (chance + candidates.valid.to(chance.dtype)).argsort(dim=1, descending=True)
    return candidates.take(order[:, :count])
