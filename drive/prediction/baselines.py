"""What a learned forecast has to beat: everyone goes on as now, turns on as now, keeps to its lane."""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import VectorScene
from sim.geometry import se2

_SLOPE_S = 0.5


def constant_velocity(scene: VectorScene, points: int, dt_s: float) -> Float[Tensor, "b n t 2"]:
    """Everyone goes on as now; in the scene's frame."""
    time_s = dt_s * torch.arange(1, points + 1, device=scene.agent_pose.device)
    moved = scene.velocity_mps.unsqueeze(2) * time_s.unsqueeze(-1)
    return scene.agent_pose[:, :, None, :2] + moved


def constant_turn_rate_and_velocity(
    scene: VectorScene, points: int, dt_s: float
) -> Float[Tensor, "b n t 2"]:
    """Everyone goes on along the arc that it drives now (CTRV); in the scene's frame.

    After t it is v t sinc(w t / 2) away, in the direction of its velocity turned by w t / 2: a chord of
    the circle of radius v / w. w is the heading's mean rate over the last half second of its history.
    """
    time_s = dt_s * torch.arange(1, points + 1, device=scene.agent_pose.device)
    turned = 0.5 * turn_rate_radps(scene).unsqueeze(2) * time_s
    shrunk = torch.sinc(turned / torch.pi) * time_s
    moved = se2.rotate(scene.velocity_mps.unsqueeze(2) * shrunk.unsqueeze(-1), turned)
    return scene.agent_pose[:, :, None, :2] + moved


def turn_rate_radps(scene: VectorScene) -> Float[Tensor, "b n"]:
    """Mean rate over the last `_SLOPE_S`, or what is known of it; 0 for who was not seen before."""
    steps = max(1, min(round(_SLOPE_S / scene.dt_s), scene.history_valid.shape[2] - 1))
    yaw = scene.history_pose[:, :, -1 - steps :, 2]
    change = se2.wrap_angle(torch.diff(yaw, dim=2)) / scene.dt_s
    there = scene.history_valid[:, :, -1 - steps :]
    known = there[:, :, 1:] & there[:, :, :-1]
    return torch.where(known, change, 0.0).sum(dim=2) / known.sum(dim=2).clamp(min=1)


def along_true_route(
    example: Example, scene: VectorScene, points: int, dt_s: float
) -> Float[Tensor, "b n t 2"]:
    """Everyone with a route keeps its speed along it, and its distance from it as an offset that stays.

    The others go on as now. The route is the true one, which no observer knows: a strong baseline.
    """
    path, spacing = example.truth.path_m, example.truth.path_spacing_m
    speed = scene.velocity_mps.norm(dim=-1, keepdim=True)
    time_s = dt_s * torch.arange(1, points + 1, device=path.device)
    place = (speed * time_s / spacing).clamp(max=path.shape[2] - 1.001)
    before = place.floor()
    index = before.long().unsqueeze(-1).expand(-1, -1, -1, 2)
    low, high = torch.gather(path, 2, index), torch.gather(path, 2, index + 1)
    on_path = torch.lerp(low, high, (place - before).unsqueeze(-1))
    # The offset turns with the path: to its left it stays to its left.
    start = path[:, :, 1] - path[:, :, 0]
    along = high - low
    beside = scene.agent_pose[..., :2] - path[:, :, 0]
    left = (start[..., 0] * beside[..., 1] - start[..., 1] * beside[..., 0]) / start.norm(
        dim=-1
    ).clamp(min=1e-3)
    normal = torch.stack((-along[..., 1], along[..., 0]), dim=-1)
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    followed = on_path + left[..., None, None] * normal
    known = example.truth.path_valid[..., None, None]
    return torch.where(known, followed, constant_velocity(scene, points, dt_s))
