"""What an action of an environment means: pedals and a wheel, continuous or on a grid."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor

from sim.dynamics.bicycle import ACCELERATION_RANGE_MPS2, MAX_STEERING_RAD, Controls
from sim.errors import InputError, one_of
from sim.interface import EgoState

STEER_TO_MPS2 = 6.0  # full lock asks for no more lateral acceleration than this


@runtime_checkable
class Actions(Protocol):
    """What a policy may choose from, and what of it reaches the car."""

    @property
    def space(self) -> spaces.Box | spaces.Discrete:
        """Of one world."""
        ...

    def controls(self, action: Tensor, ego: EgoState, dt_s: float) -> Controls:
        """Controls for one step of B worlds; `action` `[B, ...]` as the space has it."""
        ...


class PedalsAndWheel:
    """Two numbers in [-1, 1]: pedals (positive: up to 4 m/s2, negative: down to -8) and wheel (`steer`)."""

    @property
    def space(self) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (2,), np.float32)

    def controls(self, action: Float[Tensor, "b 2"], ego: EgoState, dt_s: float) -> Controls:
        """Of actions, which are clipped to [-1, 1]."""
        pedals, wheel = action.clamp(-1.0, 1.0).unbind(-1)
        hardest, strongest = ACCELERATION_RANGE_MPS2
        acceleration = pedals * torch.where(pedals > 0, strongest, -hardest)
        return Controls(acceleration, steer(wheel, ego, dt_s))


@dataclass(frozen=True)
class ActionGrid:
    """Every pair of an acceleration and a place of the wheel (`steer`).

    Action n is acceleration n // W with wheel n % W, of W wheels.
    """

    accelerations_mps2: tuple[float, ...] = (-6.0, -3.0, -1.0, 0.0, 1.0, 2.0)
    wheels: tuple[float, ...] = (-1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0)

    def __post_init__(self) -> None:
        limits = {"accelerations_mps2": ACCELERATION_RANGE_MPS2, "wheels": (-1.0, 1.0)}
        for name, (low, high) in limits.items():
            values = getattr(self, name)
            numbers = all(isinstance(value, (int, float)) for value in values)
            if not values or not numbers or not all(low <= value <= high for value in values):
                raise InputError(
                    f"actions: {name}: expected numbers from {low:g} to {high:g}, got {values}"
                )

    @property
    def space(self) -> spaces.Discrete:
        return spaces.Discrete(len(self.accelerations_mps2) * len(self.wheels))

    def controls(self, action: Int[Tensor, " b"], ego: EgoState, dt_s: float) -> Controls:
        """Of numbers of cells."""
        accelerations = action.new_tensor(self.accelerations_mps2, dtype=torch.float32)
        wheels = action.new_tensor(self.wheels, dtype=torch.float32)
        wheel = wheels[action % len(wheels)]
        return Controls(accelerations[action // len(wheels)], steer(wheel, ego, dt_s))


ACTIONS: dict[str, Actions] = {"continuous": PedalsAndWheel(), "discrete": ActionGrid()}


def actions_of(actions: Any) -> Actions:
    """The actions of that name, or the given ones; InputError for anything else."""
    if isinstance(actions, str):
        one_of("actions", actions, tuple(ACTIONS))
        return ACTIONS[actions]
    if isinstance(actions, type) or not isinstance(actions, Actions):
        raise InputError(
            f"actions: expected {' or '.join(ACTIONS)}, or an object with `space` and `controls`, "
            f"got {actions!r:.60}"
        )
    if not isinstance(actions.space, (spaces.Box, spaces.Discrete)):
        raise InputError(f"actions: space: expected a Box or a Discrete, got {actions.space!r:.60}")
    return actions


def steer(wheel: Float[Tensor, " b"], ego: EgoState, dt_s: float) -> Float[Tensor, " b"]:
    """The steering rate that gets to the angle that `wheel` in [-1, 1] asks for, in one step.

    Left is positive; 1 is the angle that bends the path with STEER_TO_MPS2 across at the present speed,
    at most MAX_STEERING_RAD. The bicycle limits the rate and lags behind it.
    """
    speed = ego.speed_mps.abs().clamp(min=0.1)
    full = torch.atan(STEER_TO_MPS2 * ego.wheelbase_m / speed**2)
    return (wheel * full.clamp(max=MAX_STEERING_RAD) - ego.steering_rad) / dt_s


def checked_actions(
    space: spaces.Box | spaces.Discrete, actions: Any, num_worlds: int
) -> np.ndarray:
    """As an array `[B, ...]`; InputError where they are not one finite action of the space a world."""
    discrete = isinstance(space, spaces.Discrete)
    shape = (num_worlds,) if discrete else (num_worlds, *space.shape)
    try:
        given = np.asarray(actions)
        numbers = given.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"action: not numbers of shape {shape}") from None
    if given.shape != shape:
        raise InputError(f"action: shape {given.shape}, expected {shape}")
    if discrete:
        wrong = (numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= space.n)
        kind, fault = np.int64, f"not a whole number below {space.n}"
    else:
        wrong, kind, fault = ~np.isfinite(numbers), np.float32, "not finite"
    if wrong.any():
        world = int(wrong.reshape(num_worlds, -1).any(axis=1).argmax())
        raise InputError(f"action: {fault} in world {world}: {given[world].tolist()}")
    return given.astype(kind)
