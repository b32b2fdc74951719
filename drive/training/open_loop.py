"""How a planned trajectory compares with what then happened: the published table of open-loop planning."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example
from drive.planning.candidates import DT_S
from drive.planning.experts import recorded_futures
from drive.prediction.figures import SceneSums, Sums
from sim.geometry import box
from sim.interface import EgoMap

HORIZONS_S = (1.0, 2.0, 3.0, 5.0)
_OFF_M = 0.05  # what a map's raster may be wrong by


def open_loop_figures(
    example: Example,
    planned: Float[Tensor, "b t 5"],
    driven: Float[Tensor, "b t 5"],
    there: Bool[Tensor, " b"],
) -> Sums:
    """What a training tells: `scene_open_loop`, added up."""
    sums = scene_open_loop(example, planned, driven, there)
    return {name: (total.sum(), number.sum()) for name, (total, number) in sums.items()}


def scene_open_loop(
    example: Example,
    planned: Float[Tensor, "b t 5"],
    driven: Float[Tensor, "b t 5"],
    there: Bool[Tensor, " b"],
) -> SceneSums:
    """Of each example recorded to its end (`there`), by horizon.

    `collides_3s`: whether the ego's box meets a recorded one by then; who overlaps the ego when it begins
    is left out. `leaves_3s`: whether it is off the road, or in a lane against its flow, by then (where the
    observation has a map). `L2_3s`: the distance from what was driven, metres.
    """
    met = _meets(example, planned).cummax(dim=1).values
    shown = {"collides": met.to(planned.dtype), "L2": (planned - driven)[..., :2].norm(dim=-1)}
    hd_map = example.observation.map
    if hd_map is not None:
        left = _leaves(hd_map, planned, example.observation.ego.size_m)
        shown["leaves"] = left.cummax(dim=1).values.to(planned.dtype)
    return {
        f"{name}_{horizon_s:g}s": (values[:, round(horizon_s / DT_S) - 1] * there, there)
        for horizon_s in HORIZONS_S
        for name, values in shown.items()
    }


def _leaves(
    hd_map: EgoMap, planned: Float[Tensor, "b t 5"], ego_size_m: Float[Tensor, "b 2"]
) -> Bool[Tensor, "b t"]:
    """A corner off the drivable area, or the centre on lanes that all flow the other way."""
    corners = box.corners(planned[..., :3], ego_size_m.unsqueeze(1))
    off = hd_map.offroad_distance_m(corners).amax(dim=-1) > _OFF_M
    on_lane, along = hd_map.lane_flow(planned[..., :2], planned[..., 2])
    return off | (on_lane & ~along)


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
