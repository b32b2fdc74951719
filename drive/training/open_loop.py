"""How a planned trajectory compares with what then happened: the published table of open-loop planning."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example
from drive.planning.candidates import DT_S
from drive.planning.experts import recorded_futures
from sim.geometry import box

HORIZONS_S = (1.0, 2.0, 3.0, 5.0)


def open_loop_figures(
    example: Example,
    planned: Float[Tensor, "b t 5"],
    driven: Float[Tensor, "b t 5"],
    there: Bool[Tensor, " b"],
) -> dict[str, tuple[Tensor, Tensor]]:
    """Sums and numbers: `collides_3s`: whether the ego's box meets a recorded one by then; `L2_3s`, metres.

    Over the examples that are recorded to their end; who overlaps the ego when it begins is left out.
    """
    met = _meets(example, planned).cummax(dim=1).values
    distance = (planned[..., :2] - driven[..., :2]).norm(dim=-1)
    count = there.sum()
    figures = {}
    for horizon_s in HORIZONS_S:
        t = round(horizon_s / DT_S) - 1
        figures[f"collides_{horizon_s:g}s"] = ((met[:, t] & there).sum(), count)
        figures[f"L2_{horizon_s:g}s"] = ((distance[:, t] * there).sum(), count)
    return figures


def _meets(example: Example, planned: Float[Tensor, "b t 5"]) -> Bool[Tensor, "b t"]:
    """Whether the box of the ego overlaps anybody's at each instant."""
    observation, futures = example.observation, recorded_futures(example.future)
    agents, ego_size_m = observation.agents, observation.ego.size_m
    size_m = agents.size_m.unsqueeze(2)
    now = box.overlaps(
        torch.zeros_like(agents.pose), ego_size_m.unsqueeze(1), agents.pose, agents.size_m
    )
    pose = planned[:, None, :, :3].expand(futures.pose.shape)
    hit = box.overlaps(
        pose, ego_size_m[:, None, None].expand_as(pose[..., :2]), futures.pose, size_m
    )
    there = futures.valid & (agents.valid & ~now).unsqueeze(2)
    return (hit & there).any(dim=1)
