"""Task social: energies of everybody's trajectories, and of collisions, from what then happened.

Cross entropy of the trajectories nearest to what each did, and max-margin for the ego's plan with the
expected collisions, together (DSDNet, Zeng et al. 2020, section 3.3); gradients go through the messages.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example
from drive.networks.weights import DEFAULT, load_network
from drive.planning.candidates import POINTS, Candidates
from drive.planning.experts import demonstration
from drive.planning.interpretable.network import InterpretableCost
from drive.planning.social.network import SocialConfig, SocialEnergy
from drive.planning.social.planner import weighted_harm
from drive.planning.social.reasoning import MODES, Reasoning
from drive.planning.social.samples import Samples
from drive.planning.social.setting import Setting
from drive.prediction.joint import JointPredictor
from drive.training.config import SocialTrainConfig
from drive.training.task import Task
from drive.training.terms import collides

_NEAR_M = 0.25  # more than the nearest: trajectories as near as that did it as well
_EGO_NEAR_M = 1.0  # its candidates lie farther apart
_IMPOSSIBLE = -1e4


@dataclass(frozen=True)
class Told:
    """A scene, what was believed about it, and which trajectories were driven.

    `near`: of each road user, those that lie nearest to what it did; `there`: whether that is known;
    `ego_there`: whether the ego's is, which is its first candidate.
    """

    reasoning: Reasoning
    ego_cost: Float[Tensor, "b k"]
    near: Bool[Tensor, "b n k"]
    there: Bool[Tensor, "b n"]
    ego_there: Bool[Tensor, " b"]


class SocialTask(Task):
    """Trains a `SocialEnergy` beside a frozen forecast and frozen weights of the ego's other terms."""

    quality = "nll_reactive"
    config: SocialTrainConfig
    network: SocialEnergy

    def __init__(self, config: SocialTrainConfig) -> None:
        super().__init__(config)
        predictor, _ = load_network(JointPredictor, config.forecast)
        cost, _ = load_network(InterpretableCost, DEFAULT)
        self._frozen = (predictor, cost)  # in a tuple: they are not trained, and not saved
        if config.others_only:
            self.network.log_ego.requires_grad_(False)
            self.network.log_of_others.requires_grad_(False)

    @staticmethod
    def make_network(config: SocialTrainConfig) -> SocialEnergy:
        """Untrained."""
        return SocialEnergy(SocialConfig(hidden=config.hidden, pair_hidden=config.pair_hidden))

    def losses(self, example: Example, generator: torch.Generator) -> dict[str, Tensor]:
        """`loss`: cross entropies in nats a road user, by each way to reckon, and the plan's margin."""
        told = self._told(example)
        parts = {f"nll_{mode}": _mean(*self._lacks(told, mode)) for mode in MODES}
        if self.config.others_only:
            return {"loss": torch.stack(list(parts.values())).sum(), **parts}
        parts["nll_ego"] = _mean(self._lacks_of_ego(told), told.ego_there.to(told.ego_cost.dtype))
        margin = self._margin(example, told)
        loss = torch.stack(list(parts.values())).sum() + self.config.plan_weight * margin
        return {"loss": loss, "margin": margin, **parts}

    def figures(self, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
        """The same; of mode reactive with the ego's recorded way as its plan."""
        told = self._told(example)
        out = {}
        for mode in MODES:
            lack, counts = self._lacks(told, mode)
            out[f"nll_{mode}"] = ((lack * counts).sum(), counts.sum())
        out["nll_ego"] = ((self._lacks_of_ego(told) * told.ego_there).sum(), told.ego_there.sum())
        margin = self._margins(example, told)
        out["margin"] = ((margin * told.ego_there).sum(), told.ego_there.sum())
        return out

    def _told(self, example: Example) -> Told:
        observation = example.observation
        predictor, cost = self._frozen[0].to(self.device), self._frozen[1].to(self.device)
        driven, ego_there = demonstration(example)
        own = Candidates(driven.unsqueeze(1), torch.ones_like(driven[:, :1, 0]) > 0.0)
        setting = Setting.of(predictor, cost, observation, own)
        near, there = nearest(example, setting.samples)
        reasoning = Reasoning.of(self.network, setting.around, setting.scene, setting.ego_cost)
        return Told(reasoning, setting.ego_cost, near, there, ego_there)

    def _lacks(self, told: Told, mode: str) -> tuple[Tensor, Tensor]:
        """Minus the logarithm of how likely it was found what each did, and 1 where that is known."""
        if mode != "reactive":
            log_p = told.reasoning.log_others(mode)
            return _minus_log(log_p, told.near), told.there.to(log_p.dtype)
        scene = told.reasoning.scene
        which = scene.with_ego
        world, actor = scene.pairs.world[which], scene.pairs.second[which] - 1
        log_p = told.reasoning.log_beside_ego(mode)[:, 0]
        counts = told.there[world, actor] & told.ego_there[world]
        return _minus_log(log_p, told.near[world, actor]), counts.to(log_p.dtype)

    def _lacks_of_ego(self, told: Told) -> Float[Tensor, " b"]:
        """The same of the ego: of its candidates that are near to what it did."""
        candidates = told.reasoning.scene.candidates
        path = candidates.trajectory[..., :2]
        near = (path - path[:, :1]).norm(dim=-1).mean(dim=2) < _EGO_NEAR_M
        return _minus_log(told.reasoning.log_ego(), near & candidates.valid)

    def _margin(self, example: Example, told: Told) -> Tensor:
        return _mean(self._margins(example, told), told.ego_there.to(told.ego_cost.dtype))

    def _margins(self, example: Example, told: Told) -> Float[Tensor, " b"]:
        """max_k [C_driven - C_k + d_k + h_k]_+, with what the others are expected to do in C."""
        scene, config = told.reasoning.scene, self.config
        harm = weighted_harm(self.network, self._frozen[1], told.reasoning, "social")
        total = told.ego_cost + harm.sum(dim=2)
        path = scene.candidates.trajectory
        distance = (path[..., :2] - path[:, :1, :, :2]).norm(dim=-1).mean(dim=2)
        harm = collides(example, scene.candidates).sum(dim=2)
        margin = config.distance_margin * distance.clamp(max=config.most_m)
        lack = total[:, :1] - total + margin + config.harm_margin * harm
        return torch.where(scene.candidates.valid, lack, 0.0)[:, 1:].amax(dim=1).clamp(min=0.0)


def nearest(
    example: Example, samples: Samples
) -> tuple[Bool[Tensor, "b n k"], Bool[Tensor, "b n"]]:
    """The samples nearest to what each road user did, in the mean over time, and where that is recorded."""
    row = torch.arange(len(samples.agent), device=samples.agent.device).unsqueeze(1)
    future = example.future
    true = future.pose[row, samples.agent + 1, :POINTS, :2]
    there = samples.there & future.valid[row, samples.agent + 1, :POINTS].all(dim=2)
    gap = (samples.pose[..., :2] - true.unsqueeze(2)).norm(dim=-1).mean(dim=3)
    gap = torch.where(samples.valid & there.unsqueeze(2), gap, torch.inf)
    return gap <= gap.amin(dim=2, keepdim=True) + _NEAR_M, there


def _minus_log(log_p: Float[Tensor, "*b k"], near: Bool[Tensor, "*b k"]) -> Float[Tensor, "*b"]:
    return -torch.logsumexp(torch.where(near, log_p, _IMPOSSIBLE), dim=-1)


def _mean(value: Tensor, counts: Tensor) -> Tensor:
    return (value * counts).sum() / counts.sum().clamp(min=1.0)
