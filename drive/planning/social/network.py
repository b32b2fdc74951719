"""`SocialEnergy`: how unlikely each trajectory is by itself, and how unlikely that two of them collide.

DSDNet's energies (Zeng et al. 2020, section 3.2) over the tokens of a joint forecast.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from drive.networks.relative import POSE_FEATURES, mlp, pose_features
from drive.networks.weights import TaskNetwork
from drive.planning.candidates import DT_S, POINTS
from drive.planning.costs.footprint import look_at
from drive.planning.costs.terms import OF_OTHERS
from drive.planning.social.conflicts import Pairs
from drive.planning.social.samples import Samples
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.scenario import EGO

LANE_GRID = BevGrid(-60.0, -50.0, 1.0, 140, 100)
"""where lanes are looked for under the trajectories of others: the ego frame"""
_FAST_MPS, _FAR_M, _ASIDE_M, _LANE_M = 10.0, 20.0, 4.0, 5.0  # what becomes 1
_BEGIN = 1.4  # the logarithm of a collision's energy, untrained
_LEAST, _MOST = -3.0, 3.0  # of that logarithm
_HEEDLESS = -2.0  # of the share who do not look at the ego, untrained, the log odds: 0.12


@dataclass(frozen=True)
class SocialConfig:
    """Sizes; `width`: of the tokens of the joint forecast."""

    width: int = 64
    hidden: int = 64
    pair_hidden: int = 32


class SocialEnergy(TaskNetwork):
    """Energies of trajectories, of pairs of them, and weights of the ego's safety."""

    task, version, config_class = "social", 3, SocialConfig

    def __init__(self, config: SocialConfig) -> None:
        super().__init__()
        self.config = config
        features = 2 * POINTS + 2 * POINTS + POINTS // 2 + 3
        self.of_token = nn.Linear(config.width, config.hidden)
        self.of_sample = nn.Linear(features, config.hidden)
        self.think = mlp(config.hidden, config.hidden, 1)
        self.prior = nn.Parameter(torch.ones(()))
        self.of_pair = mlp(2 * config.width + 2 * POSE_FEATURES, config.pair_hidden, 1)
        self.log_ego = nn.Parameter(torch.zeros(()))
        self.log_of_others = nn.Parameter(torch.zeros(len(OF_OTHERS)))
        self.of_heed = mlp(2 * config.width + 2 * POSE_FEATURES, config.pair_hidden, 1)
        for name, value in self.named_parameters():
            # It begins with the forecast alone.
            if name.startswith(("think.2", "of_pair.2", "of_heed.2")):
                nn.init.zeros_(value)
            if name == "of_heed.2.bias":
                nn.init.constant_(value, _HEEDLESS)

    def unary(
        self,
        token: Float[Tensor, "b n d"],
        samples: Samples,
        lane_m: Float[Tensor, "b x y"],
    ) -> Float[Tensor, "b n k"]:
        """Untrained: minus the logarithm of what the joint forecast gives the way that each follows."""
        hidden = self.of_token(token).unsqueeze(2) + self.of_sample(_told(samples, lane_m))
        return self.think(nn.functional.gelu(hidden)).squeeze(-1) - self.prior * samples.prior

    def ego_unary(self, cost: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        """Of the ego's candidates, from what they cost apart from the others."""
        return self.log_ego.exp() * cost

    def collision(
        self, token: Float[Tensor, "b n d"], now: Float[Tensor, "b n 3"], pairs: Pairs
    ) -> Float[Tensor, " p"]:
        """What it costs each pair to collide: who gives way to nobody has small ones.

        The same whichever is named first.
        """

        there = self.of_pair(_of_two(token, now, pairs.world, pairs.first, pairs.second))
        back = self.of_pair(_of_two(token, now, pairs.world, pairs.second, pairs.first))
        return (_BEGIN + (there + back).squeeze(-1)).clamp(_LEAST, _MOST).exp()

    def heedless(
        self,
        token: Float[Tensor, "b n d"],
        now: Float[Tensor, "b n 3"],
        world: Int[Tensor, " e"],
        other: Int[Tensor, " e"],
    ) -> Float[Tensor, " e"]:
        """How likely each of some road users does what it would without the ego, whatever the ego does.

        What the ego did in examples was also because of what they did: without it, that they give way is
        taken for certain. It hangs on where they are to one another: who follows brakes, who is cut in
        front of from the side may not.
        """
        ego = torch.full_like(other, EGO)
        return torch.sigmoid(self.of_heed(_of_two(token, now, world, other, ego))).squeeze(-1)


def _of_two(token: Tensor, now: Tensor, world: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Both tokens, and where each sees the other."""
    seen = se2.compose(se2.inverse(now[world, one]), now[world, other])
    back = se2.compose(se2.inverse(now[world, other]), now[world, one])
    told = (token[world, one], token[world, other], pose_features(seen), pose_features(back))
    return torch.cat(told, dim=-1)


def _told(samples: Samples, lane_m: Float[Tensor, "b x y"]) -> Float[Tensor, "b n k f"]:
    """Each trajectory in its own frame, its speeds and turns, how far lanes are, and how it was made."""
    pose = torch.where(samples.valid[..., None, None], samples.pose, samples.now[:, :, None, None])
    own = se2.compose(se2.inverse(samples.now)[:, :, None, None], pose)
    step = torch.diff(own[..., :2], dim=3, prepend=torch.zeros_like(own[..., :1, :2]))
    speed = step.norm(dim=-1) / (DT_S * _FAST_MPS)
    points = pose[..., 1::2, :2]
    seen = look_at(lane_m.unsqueeze(1), LANE_GRID, points.flatten(1, 3)).squeeze(1)
    parts = (
        own[..., 0] / _FAR_M, own[..., 1] / _ASIDE_M, speed, own[..., 2],
        seen.reshape(points.shape[:-1]) / _LANE_M,
        torch.stack((samples.prior, samples.change_mps2, samples.on_lane.to(speed.dtype)), dim=-1),
    )  # fmt: skip
    return torch.cat(parts, dim=-1)
