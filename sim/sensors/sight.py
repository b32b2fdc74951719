"""Line of sight: whom the ego's sensors see, and whom it remembers.

In the plane, from the centre of the ego's box, all around and without end: an agent is seen where the
straight line to a corner of its box or to the middle of a side is free. What hides it, whatever its
height, are other vehicles, buildings, walls and hedges; poles, trees, people and cones hide nobody.

Whoever is out of sight is remembered for `sim.world.REMEMBERED_S`, moved on at constant velocity from
where it was last seen; whoever leaves the world is forgotten at once.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim.geometry import box
from sim.scenario import EGO, AgentKind
from sim.sensors.lidar_scene import LidarClass, StaticScene
from sim.world import LastSeen, Past, World, WorldState

# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_VEHICLE = int(AgentKind.VEHICLE)
_HIDING = tuple(int(c) for c in (LidarClass.BUILDING, LidarClass.WALL, LidarClass.HEDGE))
_LEAST_SHARE = (
    1e-4  # of a line of sight that has to lie in a box to be blocked: it may touch corners
)
_TINY_M = 1e-30  # lost beside any length; in place of 0, which nothing can be divided by


@dataclass(frozen=True)
class Sight:
    """What stands in B worlds and hides what is behind it: G convex shapes with four sides each.

    Their points p fulfil `normal . p <= offset_m` for every side; where not `valid` there is none.
    """

    normal: Float[Tensor, "b g 4 2"]
    offset_m: Float[Tensor, "b g 4"]
    valid: Bool[Tensor, "b g"]

    @staticmethod
    def of(world: World) -> "Sight":
        """For the scenarios of a world, on its device."""
        prisms = StaticScene.from_scenarios(world.scenarios).prisms
        hides = torch.isin(prisms.label, torch.tensor(_HIDING))
        device = world.size_m.device
        return Sight(
            prisms.normal.to(device), prisms.offset_m.to(device), (prisms.valid & hides).to(device)
        )

    def look(self, world: World, state: WorldState, before: LastSeen | None) -> LastSeen:
        """What the ego knows after a look at `state`; `before`: a step earlier, None: nothing."""
        in_view = self.in_view(world, state)
        if before is None:
            before = LastSeen(
                torch.zeros_like(state.pose),
                torch.zeros_like(state.velocity_mps),
                torch.full_like(state.pose[..., 0], torch.inf),
            )
        ahead_m = torch.nn.functional.pad(before.velocity_mps * world.dt_s, (0, 1))
        unseen_s = torch.where(in_view, 0.0, before.unseen_s + world.dt_s)
        pick = in_view.unsqueeze(-1)
        return LastSeen(
            pose=torch.where(pick, state.pose, before.pose + ahead_m),
            velocity_mps=torch.where(pick, state.velocity_mps, before.velocity_mps),
            unseen_s=torch.where(state.valid, unseen_s, torch.inf),
        )

    def look_back(self, world: World, past: Past) -> tuple[LastSeen, Past]:
        """What an ego knows now that drove through `past`, and what it knew at each of its instants."""
        start = world.reset()

        def instant(k: int) -> WorldState:
            pose, velocity = past.pose[:, :, k], past.velocity_mps[:, :, k]
            return replace(start, pose=pose, velocity_mps=velocity, valid=past.valid[:, :, k])

        looks = [self.look(world, instant(0), None)]
        for k in range(1, past.pose.shape[2]):
            looks.append(self.look(world, instant(k), looks[-1]))
        return looks[-1], Past(
            pose=torch.stack([look.pose for look in looks], dim=2),
            velocity_mps=torch.stack([look.velocity_mps for look in looks], dim=2),
            valid=torch.stack([look.known for look in looks], dim=2),
            known=past.known,
        )

    def in_view(self, world: World, state: WorldState) -> Bool[Tensor, "b n"]:
        """Whom the ego sees; itself always."""
        pose, size_m = state.pose, world.size_m[..., :2]
        eye = pose[:, EGO, :2]
        corner = box.corners(pose, size_m)
        points = torch.cat((corner, 0.5 * (corner + corner.roll(-1, dims=2))), dim=2)
        way = points - eye[:, None, None]
        is_ego = torch.arange(pose.shape[1], device=pose.device) == EGO
        hides = state.valid & (world.kind == _VEHICLE) & ~is_ego
        from_eye = torch.cat((pose[..., :2] - eye.unsqueeze(1), pose[..., 2:]), dim=-1)
        normal, to_side_m = box.sides(from_eye, size_m)
        itself = torch.eye(pose.shape[1], dtype=torch.bool, device=pose.device).unsqueeze(-1)
        by_agents = _crosses_boxes(way, normal, to_side_m) & hides[:, :, None, None] & ~itself
        to_side_m = self.offset_m - (self.normal * eye[:, None, None]).sum(dim=-1)
        by_things = _crosses(way, self.normal, to_side_m) & self.valid[:, :, None, None]
        free = ~by_agents.any(dim=1) & ~by_things.any(dim=1)
        return (free.any(dim=-1) & state.valid) | is_ego


def _crosses(
    way: Float[Tensor, "b n k 2"],
    normal: Float[Tensor, "b g 4 2"],
    to_side_m: Float[Tensor, "b g 4"],
) -> Bool[Tensor, "b g n k"]:
    """Whether the lines from the eye along `way` pass through the inside of each shape.

    The part of the line within the half planes of all four sides (Cyrus and Beck 1978).
    """
    enter, leave = way.new_zeros(()), way.new_ones(())
    for side in range(4):
        along_m = _along(way, normal[:, :, side])
        share = to_side_m[:, :, side, None, None] / along_m
        # A line enters by a side that it runs against, and leaves by one that it runs along with.
        other = along_m * -torch.inf
        enter = torch.maximum(enter, torch.minimum(share, other))
        leave = torch.minimum(leave, torch.maximum(share, other))
    return leave - enter > _LEAST_SHARE


def _crosses_boxes(
    way: Float[Tensor, "b n k 2"],
    normal: Float[Tensor, "b g 4 2"],
    to_side_m: Float[Tensor, "b g 4"],
) -> Bool[Tensor, "b g n k"]:
    """`_crosses` of `box.sides`: of two opposite sides a line enters by one and leaves by the other."""
    enter, leave = way.new_zeros(()), way.new_ones(())
    for side in (0, 2):
        along_m = _along(way, normal[:, :, side])
        share = to_side_m[:, :, side, None, None] / along_m
        opposite = -to_side_m[:, :, side + 1, None, None] / along_m
        enter = torch.maximum(enter, torch.minimum(share, opposite))
        leave = torch.minimum(leave, torch.maximum(share, opposite))
    return leave - enter > _LEAST_SHARE


def _along(way: Float[Tensor, "b n k 2"], normal: Float[Tensor, "b g 2"]) -> Tensor:
    """How far each way leads along each normal `[B, G, N, K]`; never 0, so that all may divide by it."""
    x, y = way.unsqueeze(1).unbind(-1)
    normal_x, normal_y = normal[:, :, None, None].unbind(-1)
    return x.contiguous() * normal_x + y.contiguous() * normal_y + _TINY_M
