"""Whether a pass is clear, checked for one driver a world: of what stands, and of who moves."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry import box
from sim.traffic.conflicts import travel_time_s
from sim.traffic.corridor import OnPaths
from sim.traffic.drivers import Drivers, Place
from sim.traffic.following import SIDE_MARGIN_M
from sim.traffic.lateral import Lateral
from sim.world import World, WorldState

_BOX_MARGIN_M = 0.3
_INSTANTS = 9  # of the course at which boxes are compared
SPARE_M, SPARE_S = 3.0, 1.5  # left of the gap at the end of a pass
_ONCOMING_MPS = 3.0  # at least, of those who face a passing driver and may set out
_FOLLOWER_BRAKING_MPS2 = 2.0  # asked of those behind, at most
PASSING_MPS = 5.0


@dataclass(frozen=True)
class One:
    """The driver that decides in this step, one a world: of those who want to, each in turn."""

    index: Int[Tensor, "b 1"]
    ready: Bool[Tensor, " b"]
    mask: Bool[Tensor, "b d"]

    @staticmethod
    def of(drivers: Drivers, ready: Bool[Tensor, "b d"], step: Int[Tensor, " b"]) -> "One":
        count = ready.shape[1]
        number = torch.arange(count, device=ready.device)
        turn = torch.where(ready, (number - step.unsqueeze(1)) % count, count)
        index = turn.argmin(dim=1, keepdim=True)
        return One(index, ready.any(dim=1), number == index)

    def at(self, per_driver: Tensor) -> Tensor:
        """`[B, D]` as `[B, 1]`."""
        return torch.gather(per_driver, 1, self.index)

    def agent(self, drivers: Drivers) -> Int[Tensor, "b 1"]:
        return self.at(drivers.agent)

    def is_agent(self, drivers: Drivers) -> Bool[Tensor, "b n"]:
        number = torch.arange(drivers.place.shape[1], device=self.index.device)
        return number == self.agent(drivers)


def is_clear_of_boxes(
    world: World,
    state: WorldState,
    drivers: Drivers,
    one: One,
    own: Place,
    line_m: Float[Tensor, "b 1"],
    from_m: Float[Tensor, "b 1"],
    way_m: Float[Tensor, "b 1"],
    stands: Bool[Tensor, "b n"],
) -> Bool[Tensor, " b"]:
    """Whether the course over to the line touches nothing that stands."""
    left = torch.linspace(1.0, 0.0, _INSTANTS, device=line_m.device).expand(len(line_m), -1)
    wheelbase = torch.gather(world.wheelbase_m, 1, one.agent(drivers))
    s_m = own.s_m + (1.0 - left) * way_m
    on_path = world.paths.pose_at(own.path.expand(s_m.shape), s_m, wheelbase.expand(s_m.shape))
    course = Lateral(*(t.expand(s_m.shape) for t in (from_m, left, 1.0 / way_m, line_m)))
    pose = course.beside(on_path)
    size = own.size_m[..., :2] + _BOX_MARGIN_M
    depth = box.penetration_m(
        pose.unsqueeze(2), size.unsqueeze(2), state.pose.unsqueeze(1), world.size_m[..., :2].unsqueeze(1)
    )  # fmt: skip
    return ~((depth > 0.0).any(dim=1) & stands).any(dim=1)


def line_is_clear(
    own: Place,
    seen: OnPaths,
    line_m: Float[Tensor, "b 1"],
    end_m: Float[Tensor, "b 1"],
    stands: Bool[Tensor, "b n"],
) -> Bool[Tensor, " b"]:
    """Whether nothing that stands is on the line as far as the pass goes."""
    gap = seen.rear_m.squeeze(1) - own.front_s_m
    there = (gap > -0.5 * own.size_m[..., 0]) & (gap < end_m)
    reach = seen.half_across_m.squeeze(1) + 0.5 * own.size_m[..., 1] + SIDE_MARGIN_M
    return ~(stands & there & ((seen.offset_m.squeeze(1) - line_m).abs() < reach)).any(dim=1)


def gap_is_long(
    world: World,
    state: WorldState,
    one: One,
    drivers: Drivers,
    own: Place,
    seen: OnPaths,
    line_m: Float[Tensor, "b 1"],
    from_m: Float[Tensor, "b 1"],
    end_m: Float[Tensor, "b 1"],
    others: Bool[Tensor, "b n"],
) -> Bool[Tensor, " b"]:
    """Whether nobody who moves, or may, gets in the way until the end of it, nor has to brake hard."""
    gap, length = seen.rear_m.squeeze(1) - own.front_s_m, own.size_m[..., 0]
    behind_m = -gap - length - world.size_m[..., 0]
    middle, half = line_m + 0.5 * from_m, 0.5 * from_m.abs()
    reach = seen.half_across_m.squeeze(1) + 0.5 * own.size_m[..., 1] + half + _BOX_MARGIN_M
    between = others & ((seen.offset_m.squeeze(1) - middle).abs() < reach)
    along = seen.along_mps.squeeze(1)
    yaw = torch.gather(state.pose[..., 2], 1, one.agent(drivers))
    faces = torch.cos(state.pose[..., 2] - yaw) < 0.0
    takes_s = travel_time_s(end_m + length, own.speed_mps, own.cruise_mps.clamp(max=PASSING_MPS))
    coming = torch.where(faces, (-along).clamp(min=_ONCOMING_MPS), 0.0)
    meets = (gap > 0.0) & (along < 0.5)
    meets = meets & (gap < end_m + length + SPARE_M + coming * (takes_s + SPARE_S))
    beside = (gap <= 0.0) & (behind_m <= 0.0)
    closing = along.clamp(min=0.0)
    needs_m = closing**2 / (2.0 * _FOLLOWER_BRAKING_MPS2) + SPARE_M
    cut_off = (behind_m > 0.0) & (closing > 0.5) & (behind_m < needs_m)
    return ~(between & (meets | beside | cut_off)).any(dim=1)


def stops_before(world: World, own: Place, end_m: Float[Tensor, "b 1"]) -> Bool[Tensor, " b"]:
    """Whether a stop line lies on the way: those ahead may be waiting at it."""
    stop_m = world.paths.stop_s_m[world.paths.row.unsqueeze(1), own.path].squeeze(1)
    ahead = stop_m - own.front_s_m
    return ((ahead > -0.5) & (ahead < end_m)).any(dim=1)
