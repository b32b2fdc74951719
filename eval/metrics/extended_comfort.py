"""NAVSIM v2's extended comfort: whether plans made half a second apart agree about the motion."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics.comfort import ACCELERATION, JERK, YAW_RATE
from eval.metrics.family import MetricResult
from eval.metrics.savgol import SavgolFilter
from eval.rollout import Rollout
from sim.geometry import se2

APART_S = 0.5
MOST_ACCELERATION_MPS2 = 0.7
MOST_JERK_MPS3 = 0.5
MOST_YAW_RATE_RADPS = 0.1
MOST_YAW_ACCELERATION_RADPS2 = 0.1
_YAW_ACCELERATION = SavgolFilter(window=5, order=2, derivative=2)


def extended_comfort(rollout: Rollout) -> MetricResult:
    """The share of plans that agree with the one made half a second before, over the time of both.

    They do where the root mean squares of the differences of acceleration, jerk (of the whole
    acceleration), yaw rate and yaw acceleration are at most 0.7, 0.5, 0.1, 0.1. NAVSIM compares what
    LQR and bicycle make of the plans; here it is what was planned. No value where no two plans were
    made. `per_step`: of the last plan that was compared.
    """
    apart = max(1, round(APART_S / rollout.dt_s))
    if rollout.course is None or rollout.num_instants <= apart:
        course = torch.ones_like(rollout.pose[:, :, 0, 0])
        return MetricResult(course[:, 0], torch.zeros_like(rollout.active[:, 0]), course)
    # No plan is made at the last instant: it repeats the one before.
    made = torch.arange(0, rollout.num_instants - 1, apart, device=rollout.pose.device)
    before, now = rollout.course[:, made[:-1], apart:], rollout.course[:, made[1:]]
    now = now[:, :, : now.shape[2] - apart]
    agree = plans_agree(before.flatten(0, 1), now.flatten(0, 1), rollout.dt_s)
    agree = agree.reshape(before.shape[:2])
    known = torch.isfinite(now).all(dim=-1).all(dim=-1) & torch.isfinite(before).all(dim=-1).all(
        dim=-1
    )
    last = rollout.active.sum(dim=1, keepdim=True) - 1
    counts = known & (made[1:] < last)
    number = counts.sum(dim=1)
    value = (agree & counts).sum(dim=1) / number.clamp(min=1)
    course = torch.nn.functional.pad((agree | ~counts).float(), (1, 0), value=1.0)
    course = course.repeat_interleave(apart, dim=1)
    short = max(0, rollout.num_instants - course.shape[1])
    course = torch.nn.functional.pad(course, (0, short), value=1.0)[:, : rollout.num_instants]
    return MetricResult(value, number > 0, course)


def plans_agree(
    before: Float[Tensor, "k q 2"], now: Float[Tensor, "k q 2"], dt_s: float
) -> Bool[Tensor, " k"]:
    """Whether two plans, speed and heading at the same instants, keep NAVSIM's bounds."""
    fits = torch.ones_like(before[:, 0, 0], dtype=torch.bool)
    bounds = (
        MOST_ACCELERATION_MPS2, MOST_JERK_MPS3, MOST_YAW_RATE_RADPS, MOST_YAW_ACCELERATION_RADPS2,
    )  # fmt: skip
    features = zip(_features(before, dt_s), _features(now, dt_s), bounds, strict=True)
    for first, second, bound in features:
        fits = fits & ((first - second).square().mean(dim=1).sqrt() <= bound)
    return fits


def _features(course: Float[Tensor, "k q 2"], dt_s: float) -> tuple[Tensor, ...]:
    """Acceleration, jerk, yaw rate and yaw acceleration `[K, Q]`, smoothed as in NAVSIM."""
    speed, yaw = course.unbind(-1)
    length = torch.full_like(speed[:, 0], speed.shape[1], dtype=torch.long)
    turn = se2.wrap_angle(torch.diff(yaw, dim=1))
    along, rate = _rate(torch.diff(speed, dim=1), dt_s), _rate(turn, dt_s)
    unwrapped = torch.nn.functional.pad(turn.cumsum(dim=1), (1, 0))
    acceleration = ACCELERATION(torch.hypot(along, speed * rate), length, dt_s)
    return (
        acceleration,
        JERK(acceleration, length, dt_s),
        YAW_RATE(unwrapped, length, dt_s),
        _YAW_ACCELERATION(unwrapped, length, dt_s),
    )


def _rate(steps: Float[Tensor, "k r"], dt_s: float) -> Float[Tensor, "k q"]:
    """Of the step that leads to each instant; the first has that of the second."""
    return torch.cat((steps[:, :1], steps), dim=1) / dt_s
