"""Task autoregressive_energy: each step of what the expert did, among all that could come next."""

import torch
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import vector_scene
from drive.networks.joint_head import JointFutures
from drive.planning.energy.autoregressive import AutoregressiveEnergy
from drive.planning.energy.network import EnergyConfig
from drive.training.bc import ego_figures, expert
from drive.training.config import AutoregressiveEnergyTrainConfig
from drive.training.copycat import without_ego_past
from drive.training.task import Task

_DRAWN = 16  # trajectories, for figures


class AutoregressiveEnergyTask(Task):
    """Trains an `AutoregressiveEnergy` by the exact likelihood of the steps nearest to the expert's."""

    quality = "ADE"
    config: AutoregressiveEnergyTrainConfig
    network: AutoregressiveEnergy

    @staticmethod
    def make_network(config: AutoregressiveEnergyTrainConfig) -> AutoregressiveEnergy:
        """Untrained."""
        return AutoregressiveEnergy(EnergyConfig.of(config))

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """`loss`: minus log p of what the expert did, in nats a step."""
        scene = vector_scene(example.observation)
        chance = torch.rand(example.num, generator=generator).to(scene.agent_pose.device)
        around = self.network.around(without_ego_past(scene, chance < self.config.mask_motion))
        truth_m, known = expert(example)
        shown_m = torch.where(known.unsqueeze(-1), truth_m, 0.0).squeeze(1)
        nats = -self.network.log_probability(around, shown_m).float() / shown_m.shape[1]
        counts = known.all(dim=2).squeeze(1).to(nats.dtype)
        return {"loss": (nats * counts).sum() / counts.sum().clamp(min=1.0)}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """Errors over 5 s of the most probable of some that are drawn; `minADE`: of the best one."""
        around = self.network.around(vector_scene(example.observation))
        truth_m, known = expert(example)
        generator = torch.Generator().manual_seed(self.config.seed)
        drawn, log_probability = self.network.sample(around, _DRAWN, generator)
        futures = JointFutures(
            drawn[:, :, None, :, :2], log_probability.unsqueeze(2), self.network.config.dt_s
        )
        return ego_figures(futures, truth_m, known)
