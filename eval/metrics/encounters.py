"""How near the ego came to others, and what it asked of them."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from eval.metrics.declaration import Curve, Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.metrics.sources import OWN
from eval.rollout import Rollout
from sim.compiling import one_operation
from sim.geometry import box
from sim.scenario import EGO

MOST_TTC_S = 10.0
MOST_PET_S = 5.0
CROSSING_RAD = math.radians(30.0)

MIN_TTC = Metric(
    "bevdrive/min_time_to_collision", "Least time to collision (2D)",
    f"{OWN}, after Jiao (Two-Dimensional-Time-To-Collision)", unit="s",
    curve=Curve("Time to collision", "value", unit="s"),
)  # fmt: skip


def min_time_to_collision(rollout: Rollout, facts: Facts) -> MetricResult:
    """The least time until the ego's box would touch another's if both kept velocity and heading.

    Exact for boxes that move straight on (it equals the distance along the relative velocity over
    its amount); objects stand. 0 while boxes overlap; 10 s is the most that is counted.
    """
    size = rollout.world.size_m[..., None, :2]
    pose = rollout.pose.transpose(1, 2)
    moves = ~facts.is_object[:, :, None, None]
    velocity = rollout.velocity_mps.transpose(1, 2)
    relative = torch.where(moves, velocity[:, 1:], 0.0) - velocity[:, :1]
    ttc = contact_time_s(pose[:, :1], size[:, :1], pose[:, 1:], size[:, 1:], relative)
    valid = rollout.valid.transpose(1, 2)
    counts = valid[:, 1:] & valid[:, :1]
    ttc = torch.where(counts, ttc, torch.inf)
    none = torch.full_like(rollout.pose[:, None, :, EGO, 0], MOST_TTC_S)
    course = torch.cat((ttc, none), dim=1).amin(dim=1)
    course = torch.where(rollout.active, course, MOST_TTC_S)
    return MetricResult(course.amin(dim=1), rollout.active[:, 0], course)


def contact_time_s(
    pose_a: Float[Tensor, "*a 3"],
    size_a: Float[Tensor, "*c 2"],
    pose_b: Float[Tensor, "*b 3"],
    size_b: Float[Tensor, "*d 2"],
    velocity_mps: Float[Tensor, "*e 2"],
) -> Tensor:
    """When box a first touches box b, which moves at that velocity relative to it; inf: never.

    Two convex boxes that do not turn overlap while their shadows on the normals of all sides do
    (separating axes, Gottschalk et al. 1996): from the last of these to begin to the first to end.
    """
    gap = pose_b[..., :2] - pose_a[..., :2]
    begin, end = torch.zeros_like(gap[..., 0]), torch.full_like(gap[..., 0], torch.inf)
    for yaw, quarter in (
        (pose_a[..., 2], 0),
        (pose_a[..., 2], 1),
        (pose_b[..., 2], 0),
        (pose_b[..., 2], 1),
    ):
        angle = yaw + 0.5 * math.pi * quarter
        x, y = torch.cos(angle), torch.sin(angle)
        reach = _shadow(angle - pose_a[..., 2], size_a) + _shadow(angle - pose_b[..., 2], size_b)
        distance = gap[..., 0] * x + gap[..., 1] * y
        speed = velocity_mps[..., 0] * x + velocity_mps[..., 1] * y
        still = speed == 0.0
        first = (-reach * speed.sign() - distance) / torch.where(still, 1.0, speed)
        last = (reach * speed.sign() - distance) / torch.where(still, 1.0, speed)
        apart = distance.abs() >= reach
        begin = torch.maximum(begin, torch.where(still, torch.where(apart, torch.inf, 0.0), first))
        end = torch.minimum(end, torch.where(still, torch.inf, last))
    return torch.where(begin < end, begin, torch.inf)


def _shadow(angle_rad: Tensor, size_m: Tensor) -> Tensor:
    """Half the length of a box's projection on a direction, given in its own frame."""
    return 0.5 * (
        size_m[..., 0] * torch.cos(angle_rad).abs() + size_m[..., 1] * torch.sin(angle_rad).abs()
    )


PET = Metric(
    "bevdrive/post_encroachment_time", "Least post-encroachment time",
    f"{OWN}, after Allen et al. 1978", unit="s",
)  # fmt: skip


def post_encroachment_time(rollout: Rollout) -> MetricResult:
    """The least time between one leaving a place and the other entering it, where ego and another
    road user cross paths: at headings 30 degrees or more apart (others follow one another).

    0 where their boxes overlap. To the step; no value where no paths cross within 5 s. `per_step`: of
    the place where the ego is then, 5 s where there is none.
    """
    most = round(MOST_PET_S / rollout.dt_s)
    steps = encroachment_steps(rollout.pose, rollout.world.size_m[..., :2], rollout.valid, most)
    crossed = (steps <= most).any(dim=1)
    course = steps.clamp(max=most) * rollout.dt_s
    return MetricResult(course.amin(dim=1), crossed, course)


@one_operation("encroachment_steps", lambda pose, *others: torch.empty_like(pose[:, :, 0, 0]))
def encroachment_steps(pose: Tensor, size_m: Tensor, valid: Tensor, most: int) -> Tensor:
    """By how many steps, at each instant `[B, T]`, anybody else comes to, or came from, the ego's place.

    `pose` `[B, T, N, 3]`, `size_m` `[B, N, 2]`, `valid` `[B, T, N]`. More than `most`: nobody. Only
    those whose whole tracks come near the ego's are looked at: how many differs, so the compiler sees
    one operation.
    """
    place = torch.where(valid.unsqueeze(-1), pose[..., :2], torch.nan)
    low = torch.nan_to_num(place, nan=torch.inf).amin(dim=1)
    high = torch.nan_to_num(place, nan=-torch.inf).amax(dim=1)
    reach = box.circumradius_m(size_m)
    reach = (reach + reach[:, :1]).unsqueeze(-1)
    near = ((low - reach < high[:, :1]) & (high + reach > low[:, :1])).all(dim=-1)
    near[:, EGO] = False
    world, agent = near.nonzero(as_tuple=True)
    ego, ego_size = pose[world, :, EGO], size_m[world, EGO].unsqueeze(1)
    other, other_size = pose[world, :, agent], size_m[world, agent].unsqueeze(1)
    there, instants = valid[world, :, agent], pose.shape[1]
    ego_there = valid[world, :, EGO]
    found = torch.full(ego.shape[:2], float(most + 1), device=pose.device)
    for later in range(-min(most, instants - 1), min(most, instants - 1) + 1):
        mine = slice(max(0, -later), instants - max(0, later))
        theirs = slice(max(0, later), instants - max(0, -later))
        a, b = ego[:, mine], other[:, theirs]
        crosses = torch.cos(a[..., 2] - b[..., 2]) <= math.cos(CROSSING_RAD)
        hit = box.overlaps(a, ego_size, b, other_size) & crosses
        hit = hit & ego_there[:, mine] & there[:, theirs]
        found[:, mine] = torch.where(hit, found[:, mine].clamp(max=abs(later)), found[:, mine])
    least = torch.full(pose.shape[:2], float(most + 1), device=pose.device)
    return least.scatter_reduce(0, world.unsqueeze(1).expand(found.shape), found, "amin")


IMPOSED = Metric(
    "bevdrive/imposed_deceleration", "Imposed deceleration", OWN,
    higher_is_better=False, unit="m/s²",
)  # fmt: skip


def imposed_deceleration(rollout: Rollout) -> MetricResult:
    """How much harder anybody else brakes than the hardest that he does in the same world without an
    ego (`eval.undisturbed`); at the most, and at least 0.

    No value where nobody reacts. `per_step`: of the braking at that instant. Below 1 m/s² others
    adapt, below 2 they react, 4 is considerable, 6 an emergency (Hupfer's classes).
    """
    alone = rollout.undisturbed
    if alone is None:
        course = torch.zeros_like(rollout.pose[:, :, EGO, 0])
        return MetricResult(course[:, 0], torch.zeros_like(rollout.active[:, 0]), course)
    instants = min(rollout.num_instants, alone.valid.shape[1])
    braking = torch.where(alone.valid[:, :instants], -alone.acceleration_mps2[:, :instants], 0.0)
    hardest = braking.clamp(min=0.0).amax(dim=1, keepdim=True)
    imposed = torch.where(rollout.valid, -rollout.acceleration_mps2 - hardest, 0.0)
    course = imposed[:, :, EGO + 1 :].clamp(min=0.0)
    course = torch.nn.functional.pad(course, (0, 1)).amax(dim=2)  # where there is nobody else
    return MetricResult(course.amax(dim=1), rollout.active[:, 0], course)
