"""Frenet sampler: speed profiles along the ego's route, courses across it (Werling et al. 2010).

Courses are polynomials of the way driven, not of time (their low-speed mode, IV-B), so that nobody moves
sideways while standing. They end on the route, beside it, and on the lanes left and right of it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.idm_rollout import limit_here_mps
from drive.planning.route_frame import place_on_route, project
from drive.planning.samplers.drivable import curvature_now, sharpest_curvature
from sim.dynamics.bicycle import ACCELERATION_RANGE_MPS2
from sim.geometry import se2
from sim.interface import Observation

SPEED_SHARES = (0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)  # of the limit
SPEED_TIMES_S = (1.0, 2.0, 3.0, 4.0, 5.0)  # after which they are reached
OFFSETS_M = (0.0, -0.4, 0.4, -0.8, 0.8, -1.3, 1.3, -2.0, 2.0, -2.8, 2.8, -3.6, 3.6)
COURSE_TIMES_S = (1.5, 3.0)  # at the present speed, after which they are reached
NUDGES_M = (
    -2.4,
    2.4,
    -1.4,
    1.4,
)  # beside the route and back to it, each in the shortest of these times
HOLD_S = 1.0  # at the present speed, for which they stay there
_SHORTEST_M, _SLOWEST_MPS = 6.0, 2.0  # a course takes no less way
_ROUNDING = 1e-3  # who steers as far as possible can go on
_LANE_M = (1.8, 6.0)  # how far aside a lane beside the route may be
_PARALLEL_RAD = 0.5


@dataclass(frozen=True)
class _Profiles:
    """P ways along the route at T instants."""

    driven_m: Float[Tensor, "b p t"]
    speed_mps: Float[Tensor, "b p t"]
    valid: Bool[Tensor, "b p"]


@dataclass(frozen=True)
class _Start:
    """The ego's centre in the route's coordinates: where, how fast along it, d, d' and d''."""

    s_m: Float[Tensor, " b"]
    speed_mps: Float[Tensor, " b"]
    offset_m: Float[Tensor, " b"]
    slope: Float[Tensor, " b"]
    bow: Float[Tensor, " b"]


@dataclass(frozen=True)
class Courses:
    """Candidates in the route's coordinates: how far they are left of it, at first `start_m`; and where
    lanes are, the route's own the first."""

    candidates: Candidates
    offset_m: Float[Tensor, "b k t"]
    start_m: Float[Tensor, " b"]
    lane_m: Float[Tensor, "b l"]
    lane_valid: Bool[Tensor, "b l"]


@dataclass(frozen=True)
class FrenetSampler:
    """Every speed profile on every course; the same for the same observation.

    Without lanes in the observation there are courses beside the route alone. `nudges`: courses that go
    aside and come back, too.
    """

    nudges: bool = False

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates:
        """K = 35 profiles x 30 courses, or 34 with nudges."""
        return self.courses(observation).candidates

    def courses(self, observation: Observation) -> Courses:
        """The same, with where they are in the route's coordinates."""
        start = _start(observation)
        profiles, (ends_m, ends_valid) = _profiles(observation, start), _course_ends(observation)
        parts = [_on_courses(observation, start, profiles, ends_m, ends_valid)]
        if self.nudges:
            aside_m = ends_m.new_tensor(NUDGES_M).expand(len(ends_m), -1)
            there = torch.ones_like(aside_m, dtype=torch.bool)
            parts.append(_on_courses(observation, start, profiles, aside_m, there, returns=True))
        fixed = len(OFFSETS_M)
        own = torch.zeros_like(ends_m[:, :1])
        return Courses(
            Candidates.joined([candidates for candidates, _ in parts]),
            torch.cat([offset_m for _, offset_m in parts], dim=1),
            start.offset_m,
            torch.cat((own, ends_m[:, fixed:]), dim=1),
            torch.cat((torch.ones_like(own) > 0.0, ends_valid[:, fixed:]), dim=1),
        )


def _start(observation: Observation) -> _Start:
    """From the ego's pose and steering (Werling et al. 2010, appendix I, solved for d'')."""
    route, ego = observation.route, observation.ego
    here = ego.size_m.new_zeros(len(ego.size_m), 1, 2)
    s, _, _ = project(route, here)
    # Between its points the route turns: offset and direction are those that `_on_courses` begins from.
    base, bend = (v.squeeze(1) for v in place_on_route(route, s, torch.zeros_like(s)))
    s, yaw, d = s.squeeze(1), base[:, 2], se2.transform_points(se2.inverse(base), here[:, 0])[:, 1]
    # The centre's course is ahead of the heading by the slip (see `_of_rear_axle`).
    slip = torch.atan(0.5 * ego.wheelbase_m * curvature_now(ego))
    turn = se2.wrap_angle(slip - yaw).clamp(-1.0, 1.0)
    curvature = 2.0 * torch.sin(slip) / ego.wheelbase_m
    speed = ego.speed_mps.clamp(min=0.0) / torch.cos(slip)
    narrow, cos = (1.0 - bend * d).clamp(min=0.1), torch.cos(turn)
    slope = narrow * torch.tan(turn)
    bow = narrow / cos.square() * (curvature * narrow / cos - bend) - bend * slope * torch.tan(turn)
    return _Start(s, speed * cos / narrow, d, slope, bow)


def _profiles(observation: Observation, start: _Start) -> _Profiles:
    """v(u) = v0 + a0 T u + (3 D - 2 a0 T) u^2 + (a0 T - 2 D) u^3, u = t / T, D = v_T - v0; then v_T.

    That is the cubic from the ego's speed and acceleration to a steady speed.
    """
    ego = observation.ego
    device = ego.speed_mps.device
    shares, end_s = torch.cartesian_prod(
        torch.tensor(SPEED_SHARES, device=device), torch.tensor(SPEED_TIMES_S, device=device)
    ).unbind(dim=1)
    begin = start.speed_mps.unsqueeze(1)
    final = limit_here_mps(observation.route).unsqueeze(1) * shares
    # Braking harder than that now would lead below zero.
    now = torch.maximum(ego.acceleration_mps2.unsqueeze(1), -3.0 * begin / end_s)
    push, gain = now * end_s, final - begin
    square, cube = 3.0 * gain - 2.0 * push, push - 2.0 * gain

    def driven_m(u: Tensor) -> Tensor:
        """Over the end time."""
        c0, c1, c2, c3 = (v[..., None] for v in (begin, push, square, cube))
        return u * (c0 + u * (c1 / 2 + u * (c2 / 3 + u * c3 / 4)))

    time = DT_S * torch.arange(1, POINTS + 1, device=device)
    through = time / end_s[:, None]
    u = through.clamp(max=1.0)
    speed = begin[..., None] + u * (push[..., None] + u * (square[..., None] + u * cube[..., None]))
    late = (through - 1.0).clamp(min=0.0) * final[..., None]
    driven = end_s[:, None] * (driven_m(u.expand(*speed.shape)) + late)
    hardest = _extreme_accelerations(push, square, cube) / end_s
    low, high = ACCELERATION_RANGE_MPS2
    valid = (hardest >= low).all(dim=-2) & (hardest <= high).all(dim=-2)
    return _Profiles(driven, speed.clamp(min=0.0), valid)


def _extreme_accelerations(push: Tensor, square: Tensor, cube: Tensor) -> Float[Tensor, "b 2 p"]:
    """dv/du of a profile is a parabola that ends at 0: its values at the start and at its vertex."""
    vertex = torch.where(cube.abs() > 1e-6, -square / (3.0 * cube), 0.0).clamp(0.0, 1.0)
    at = push + vertex * (2.0 * square + 3.0 * vertex * cube)
    return torch.stack((push, at), dim=1)


def _course_ends(observation: Observation) -> tuple[Float[Tensor, "b j"], Bool[Tensor, "b j"]]:
    """Where courses end, to the left of the route; a lane that is not there gives none."""
    speed = observation.ego.speed_mps
    fixed = torch.tensor(OFFSETS_M, device=speed.device).expand(len(speed), -1)
    there = torch.ones_like(fixed, dtype=torch.bool)
    if observation.lanes is not None:
        beside, found = _lanes_beside(observation)
        fixed, there = torch.cat((fixed, beside), dim=1), torch.cat((there, found), dim=1)
    return fixed, there


def _lanes_beside(observation: Observation) -> tuple[Float[Tensor, "b 2"], Bool[Tensor, "b 2"]]:
    """The offsets of the next lanes to the left and to the right, where the ego will be in 2 s."""
    lanes, route, ego = observation.lanes, observation.route, observation.ego
    assert lanes is not None
    ahead_m = route.ego_s_m + 5.0 + 2.0 * ego.speed_mps
    base, _ = place_on_route(route, ahead_m.unsqueeze(1), torch.zeros_like(ahead_m.unsqueeze(1)))
    seen = se2.transform_points(se2.inverse(base).unsqueeze(2), lanes.point_m)
    step = torch.diff(seen, dim=2)
    yaw = torch.atan2(step[..., 1], step[..., 0])
    along, across = seen[..., :-1, 0], seen[..., :-1, 1]
    near = lanes.point_valid[..., 1:] & lanes.valid.unsqueeze(2) & (along.abs() < 2.0)
    near &= torch.sin(yaw).abs() < _PARALLEL_RAD
    least, most = _LANE_M

    def nearest(side: Tensor) -> tuple[Tensor, Tensor]:
        fits = near & (side > least) & (side < most)
        gap = torch.where(fits, side, torch.inf).flatten(1).amin(dim=1)
        return gap, gap < torch.inf

    left, is_left = nearest(across)
    right, is_right = nearest(-across)
    found = torch.stack((is_left, is_right), dim=1)
    return torch.where(found, torch.stack((left, -right), dim=1), 0.0), found


def _on_courses(
    observation: Observation,
    start: _Start,
    profiles: _Profiles,
    end_m: Float[Tensor, "b j"],
    end_valid: Bool[Tensor, "b j"],
    returns: bool = False,
) -> tuple[Candidates, Float[Tensor, "b k t"]]:
    """Each course: the quintic d(x) from the ego's offset, direction and curvature to a steady offset;
    where it `returns`, a while later another one back to 0. And d at all instants.

    The centre of the ego's box goes along it (Werling et al. 2010, appendix I for course and curvature).
    """
    ego = observation.ego
    shape = profiles.driven_m.shape
    on_way = (start.s_m[:, None, None] + profiles.driven_m).flatten(1)
    place, bend = place_on_route(observation.route, on_way, torch.zeros_like(on_way))
    place, bend = place.reshape(*shape, 3)[:, None, None], bend.reshape(shape)[:, None, None]
    times_s = torch.tensor(COURSE_TIMES_S[:1] if returns else COURSE_TIMES_S, device=bend.device)
    fast = ego.speed_mps.clamp(min=_SLOWEST_MPS).unsqueeze(1)
    way_m = (_SHORTEST_M + times_s * fast)[:, None, :, None, None]
    # Axes: world, end, length of the course, profile, instant.
    x, end_m = profiles.driven_m[:, None, None] / way_m, end_m[..., None, None, None]
    offset, slope, bow = (
        v[:, None, None, None, None] for v in (start.offset_m, start.slope, start.bow)
    )
    d, d1, d2 = _quintic(x.clamp(max=1.0), offset, slope, bow, end_m, way_m)
    if returns:
        held = 1.0 + HOLD_S * fast[..., None, None, None] / way_m
        none = torch.zeros_like(offset)
        back = _quintic((x - held).clamp(0.0, 1.0), none, none, none, -end_m, way_m)
        d, d1, d2 = (out + home for out, home in zip((d, d1, d2), back, strict=True))
    yaw = place[..., 2]
    narrow = (1.0 - bend * d).clamp(min=0.1)
    turn = torch.atan2(d1, narrow)
    cos = torch.cos(turn)
    bows = cos / narrow * ((d2 + bend * d1 * torch.tan(turn)) * cos.square() / narrow + bend)
    wheelbase_m = ego.wheelbase_m[:, None, None, None, None]
    slip, speed, kappa = _of_rear_axle(
        profiles.speed_mps[:, None, None] * narrow / cos, bows, wheelbase_m
    )
    trajectory = torch.stack(
        (
            place[..., 0] - d * torch.sin(yaw),
            place[..., 1] + d * torch.cos(yaw),
            yaw + turn - slip,
            speed,
            kappa,
        ),
        dim=-1,
    )
    drivable = kappa.abs() <= (1.0 + _ROUNDING) * sharpest_curvature(speed, wheelbase_m)
    valid = drivable.all(dim=-1) & profiles.valid[:, None, None]
    valid = valid & end_valid[:, :, None, None]
    offsets = d.expand(trajectory.shape[:-1]).flatten(1, 3)
    return Candidates(trajectory.flatten(1, 3), valid.flatten(1, 3)), offsets


def _of_rear_axle(
    speed_mps: Tensor, curvature: Tensor, wheelbase_m: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The angle from the car's heading to its centre's course; speed and curvature of the rear axle's path.

    From those of the centre's path, on a steady bend.
    """
    slip = torch.asin((0.5 * wheelbase_m * curvature).clamp(-0.99, 0.99))
    return slip, speed_mps * torch.cos(slip), 2.0 * torch.tan(slip) / wheelbase_m


def _quintic(
    x: Tensor, start: Tensor, slope: Tensor, bow: Tensor, end: Tensor, way_m: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """d, d', d'' at a share x of the way: from value, first and second derivative to a steady value.

    Hermite's quintic; shapes broadcast.
    """
    a, b, c = start - end, slope * way_m, 0.5 * bow * way_m.square()
    p3, p4, p5 = -10 * a - 6 * b - 3 * c, 15 * a + 8 * b + 3 * c, -6 * a - 3 * b - c
    d = start + x * (b + x * (c + x * (p3 + x * (p4 + x * p5))))
    d1 = (b + x * (2 * c + x * (3 * p3 + x * (4 * p4 + x * 5 * p5)))) / way_m
    d2 = (2 * c + x * (6 * p3 + x * (12 * p4 + x * 20 * p5))) / way_m.square()
    return d, d1, d2
