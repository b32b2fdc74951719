"""A scene as a bird's-eye-view image, drawn from its vectors: agents now and before, lanes, lights, route.

Everything is a cloud of points with features; a cell holds the mean over the points of one kind in it.
"""

import math

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from drive.features.vectors import KINDS, ROUTE, VectorScene
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.scenario import LaneKind, LightState

PAST_S = (0.5, 1.0)  # when agents are drawn, beside now
_LONGEST_M, _WIDEST_M = 12.0, 3.0  # a box up to this has a point in each of its cells
_STEP_M = 2.0  # between two points of a line
_SPEED_MPS = 10.0  # what becomes 1
_LIGHTS = [int(state) for state in LightState if state != LightState.UNKNOWN]
_CONNECTOR = int(LaneKind.CONNECTOR)
CHANNELS = (
    "agent", "ego", *(f"kind_{k}" for k in range(KINDS)), "velocity_x", "velocity_y",
    *(f"agent@-{s:g}s" for s in PAST_S),
    "lane", "cos", "sin", "speed_limit", "connector", *(f"light_{k}" for k in _LIGHTS), "on_route",
    "reachable", "route",
)  # fmt: skip


def scene_raster(scene: VectorScene, grid: BevGrid) -> Float[Tensor, "b c x y"]:
    """The image, channels as `CHANNELS`; `grid` lies in the scene's frame."""
    drawn = [_boxes(scene, scene.agent_pose, scene.agent_valid, _agent_features(scene), grid)]
    instants = scene.history_valid.shape[2]
    for past_s in PAST_S:
        k = instants - 1 - round(past_s / scene.dt_s)
        there = scene.history_valid[:, :, max(k, 0)] & (k >= 0)
        pose = scene.history_pose[:, :, max(k, 0)]
        drawn.append(_boxes(scene, pose, there, torch.ones_like(pose[..., :1]), grid))
    return torch.cat((*drawn, _lines(scene, grid)), dim=3).permute(0, 3, 1, 2)


def splat(
    point_m: Float[Tensor, "b k 2"],
    feature: Float[Tensor, "b k f"],
    valid: Bool[Tensor, "b k"],
    grid: BevGrid,
) -> Float[Tensor, "b x y f"]:
    """In each cell the mean of the features of the points in it; 0 where there is none."""
    i, j = (torch.floor(c) for c in grid.cells(*point_m.unbind(-1)))
    held = valid & grid.holds(i, j)
    batch = grid.num_cells * torch.arange(len(i), device=i.device).unsqueeze(1)
    cell = torch.where(held, grid.flat(i, j), 0.0).long() + batch
    told = torch.cat((feature, torch.ones_like(feature[..., :1])), dim=-1)
    told = torch.where(held.unsqueeze(-1), told, 0.0)
    total = told.new_zeros(len(i) * grid.num_cells, told.shape[-1])
    total = total.index_add(0, cell.flatten(), told.flatten(0, 1))
    mean = total[:, :-1] / total[:, -1:].clamp(min=1.0)
    return mean.reshape(len(i), *grid.shape, -1)


def regridded(values: Shaped[Tensor, "b c x y"], old: BevGrid, new: BevGrid) -> Tensor:
    """Each cell of `new` takes the value of the cell of `old` in which its centre lies; 0 outside."""
    center_m = new.cell_centers_m(values.device)
    i, j = (torch.floor(c).long() for c in old.cells(*center_m.unbind(-1)))
    found = values[:, :, i.clamp(0, old.num_x - 1), j.clamp(0, old.num_y - 1)]
    return torch.where(old.holds(i, j), found, 0)


def _agent_features(scene: VectorScene) -> Float[Tensor, "b n f"]:
    """Of what the channels from `agent` to `velocity_y` say."""
    one = torch.ones_like(scene.agent_pose[..., :1])
    ego = torch.zeros_like(one)
    ego[:, 0] = 1.0
    kind = torch.nn.functional.one_hot(scene.agent_kind, KINDS).to(one.dtype)
    return torch.cat((one, ego, kind, scene.velocity_mps / _SPEED_MPS), dim=-1)


def _boxes(
    scene: VectorScene, pose: Tensor, valid: Tensor, feature: Tensor, grid: BevGrid
) -> Float[Tensor, "b x y f"]:
    """Every box as points all over it."""
    counts = (math.ceil(length_m / grid.resolution_m) for length_m in (_LONGEST_M, _WIDEST_M))
    place = torch.cartesian_prod(
        *((torch.arange(n, device=pose.device) + 0.5) / n - 0.5 for n in counts)
    )
    inside = place * scene.agent_size_m.unsqueeze(2)
    point_m = se2.transform_points(pose.unsqueeze(2), inside)
    count = place.shape[0]
    return splat(
        point_m.flatten(1, 2),
        feature.repeat_interleave(count, dim=1),
        valid.repeat_interleave(count, dim=1),
        grid,
    )


def _lines(scene: VectorScene, grid: BevGrid) -> Float[Tensor, "b x y f"]:
    """Lanes with their direction, rules and lights; and the route by itself."""
    start, end = scene.line_m[:, :, :-1], scene.line_m[:, :, 1:]
    there = scene.line_point_valid[:, :, :-1] & scene.line_point_valid[:, :, 1:]
    count = math.ceil(_STEP_M / grid.resolution_m)
    share = torch.arange(count, device=start.device) / count
    point_m = torch.lerp(start.unsqueeze(3), end.unsqueeze(3), share[:, None])
    step = end - start
    direction = step / step.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    light = torch.stack([scene.line_light == k for k in _LIGHTS], dim=-1)
    rules = torch.cat(
        (
            scene.line_speed_limit_mps.unsqueeze(-1) / _SPEED_MPS,
            (scene.line_kind == _CONNECTOR).unsqueeze(-1),
            light,
            scene.line_on_route.unsqueeze(-1),
            scene.line_reachable.unsqueeze(-1),
        ),
        dim=-1,
    )
    one = torch.ones_like(direction[..., :1])
    of_step = torch.cat((one, direction, rules.unsqueeze(2).expand(*step.shape[:3], -1)), dim=-1)
    feature = of_step.unsqueeze(3).expand(*point_m.shape[:4], -1)
    is_route = (scene.line_kind == ROUTE)[:, :, None, None].expand(point_m.shape[:4])
    valid = there.unsqueeze(3).expand(is_route.shape)
    point_m, feature = point_m.flatten(1, 3), feature.flatten(1, 3)
    lanes = splat(point_m, feature, (valid & ~is_route).flatten(1), grid)
    route = splat(point_m, feature[..., :1], (valid & is_route).flatten(1), grid)
    return torch.cat((lanes, route), dim=3)
