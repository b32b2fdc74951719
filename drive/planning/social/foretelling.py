"""What the marginals foretell: everyone's likeliest trajectories, and some that all draw by themselves."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.features.vectors import VectorScene
from drive.networks.joint_head import JointFutures
from drive.planning.candidates import DT_S, POINTS
from drive.planning.social.reasoning import Reasoning
from sim.geometry import se2
from sim.interface import JointForecast
from sim.scenario import EGO

FUTURES = 6
_SEED = 0  # of what is drawn: the same for all ways to reckon


@dataclass(frozen=True)
class Foretold:
    """`likeliest`: the F most probable trajectories of each; `drawn`: F draws of each from its marginal.

    Who is not reasoned about does what the joint forecast finds likeliest.
    """

    likeliest: JointFutures
    drawn: JointFutures


def foretold_by(
    reasoning: Reasoning, forecast: JointForecast, scene: VectorScene, mode: str
) -> Foretold:
    """By one of `MODES`; of mode reactive as of social, for no plan is given."""
    own = reasoning.beliefs.unary[:, EGO]
    ego = torch.log_softmax(-own, dim=1) if mode == "nonsocial" else reasoning.log_ego()
    log_p = torch.cat((ego.unsqueeze(1), reasoning.log_others(mode)), dim=1)
    best = log_p.argsort(dim=2, descending=True, stable=True)[..., :FUTURES]
    generator = torch.Generator().manual_seed(_SEED)
    chance = torch.rand((*log_p.shape[:2], FUTURES), generator=generator).to(log_p)
    drawn = torch.searchsorted(log_p.exp().cumsum(dim=2), chance)
    drawn = drawn.clamp(max=log_p.shape[2] - 1)
    return Foretold(
        *(_futures(reasoning, forecast, scene, log_p, index) for index in (best, drawn))
    )


def _futures(
    reasoning: Reasoning,
    forecast: JointForecast,
    scene: VectorScene,
    log_p: Float[Tensor, "b m k"],
    index: Int[Tensor, "b m f"],
) -> JointFutures:
    """Of the trajectories `index`; row 0 of M is the ego, the others those of the samples."""
    samples, candidates = reasoning.scene.samples, reasoning.scene.candidates
    row = torch.arange(len(index), device=index.device)
    likeliest = forecast.probability.argmax(dim=1)
    place = forecast.pose[row, likeliest, :, :POINTS, :2].unsqueeze(1).repeat(1, FUTURES, 1, 1, 1)
    logit = torch.zeros_like(place[..., 0, 0])
    path = torch.cat((candidates.trajectory[:, None, ..., :2], samples.pose[..., :2]), dim=1)
    path = path.gather(2, index[..., None, None].expand(*index.shape, *path.shape[3:]))
    agent = torch.nn.functional.pad(samples.agent + 1, (1, 0), value=EGO)
    there = torch.nn.functional.pad(samples.there, (1, 0), value=True)
    there[:, EGO] = candidates.valid.any(dim=1)
    world, actor = there.nonzero(as_tuple=True)
    place[world, :, agent[world, actor]] = path[world, actor]
    logit[world, :, agent[world, actor]] = log_p.gather(2, index)[world, actor]
    own = se2.inverse(scene.agent_pose)[:, None, :, None]
    return JointFutures(se2.transform_points(own, place), logit, DT_S)
