"""The clock of a recording: one even step, taken from the times that it gives."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from sim.errors import InputError

_EVEN = 0.2  # a step may differ from the usual one by this share
_SHORTEST_S, _LONGEST_S = 0.01, 1.0
_LONGEST_HOLE_S = 2.0


@dataclass(frozen=True)
class Clock:
    """T even instants, `step_s` apart, and where they lie among the K recorded times."""

    step_s: float
    recorded_s: Float[np.ndarray, " k"]  # since the first
    time_s: Float[np.ndarray, " t"]
    note: str | None = None

    @property
    def is_recorded(self) -> Bool[np.ndarray, " t"]:
        """The instants at which something was recorded, to half a step's tenth."""
        after = np.searchsorted(self.recorded_s, self.time_s).clip(1, len(self.recorded_s) - 1)
        apart = np.minimum(
            np.abs(self.time_s - self.recorded_s[after - 1]),
            np.abs(self.time_s - self.recorded_s[after]),
        )
        return apart <= (0.05 if self.note else 0.5) * self.step_s

    def resampled(
        self, values: Float[np.ndarray, "k d"], valid: Bool[np.ndarray, " k"]
    ) -> tuple[Float[np.ndarray, "t d"], Bool[np.ndarray, " t"]]:
        """Values at the even instants, straight between recorded ones that are both valid.

        A track does not end in a hole of the clock that it crosses.
        """
        if self.note is None:
            return values, valid
        after = np.clip(np.searchsorted(self.recorded_s, self.time_s - 1e-6), 0, len(valid) - 1)
        before = np.maximum(after - 1, 0)
        span = np.maximum(self.recorded_s[after] - self.recorded_s[before], 1e-9)
        share = np.clip((self.time_s - self.recorded_s[before]) / span, 0.0, 1.0)[:, None]
        known = np.where(share[:, 0] > 1 - 1e-6, valid[after], valid[before] & valid[after])
        safe = np.where(valid[:, None], values, 0.0)
        return (1 - share) * safe[before] + share * safe[after], known

    def held(self, states: np.ndarray) -> np.ndarray:
        """Of each instant the last recorded entry along the last axis: for what jumps, like lights."""
        if self.note is None:
            return states
        at = np.searchsorted(self.recorded_s, self.time_s + 1e-6, side="right") - 1
        return states[..., at.clip(min=0)]


def clock_of(time_s: Float[np.ndarray, " k"], field: str) -> Clock:
    """The clock of some recorded times; uneven ones are put on a grid of their usual step, with a note.

    Raises InputError, naming `field`, for times that are not numbers, not in order, not in seconds, or
    with a hole of more than 2 s.
    """
    if time_s.ndim != 1 or len(time_s) < 2:
        raise InputError(f"{field}: fewer than two instants")
    if not np.isfinite(time_s).all():
        raise InputError(f"{field}: not a number at step {int((~np.isfinite(time_s)).argmax())}")
    steps = np.diff(time_s)
    if (steps <= 0).any():
        k = int((steps <= 0).argmax()) + 1
        raise InputError(f"{field}: step {k} is not after the one before it")
    usual = float(np.median(steps))
    if not _SHORTEST_S <= usual <= _LONGEST_S:
        raise InputError(
            f"{field}: {usual:g} s between instants; {_SHORTEST_S} to {_LONGEST_S} s are expected "
            "(are they seconds?)"
        )
    if steps.max() > _LONGEST_HOLE_S:
        raise InputError(
            f"{field}: nothing for {steps.max():.1f} s after step {int(steps.argmax())}"
        )
    recorded = time_s - time_s[0]
    if np.abs(steps - usual).max() <= _EVEN * usual:
        step = round(float(recorded[-1]) / len(steps), 4)
        return Clock(step, recorded, step * np.arange(len(time_s)))
    step = round(usual, 4)
    grid = step * np.arange(int(recorded[-1] / step + 1e-3) + 1)
    uneven = int((np.abs(steps - usual) > _EVEN * usual).sum())
    note = (
        f"uneven times ({uneven} steps unlike {step:g} s, the longest {steps.max():.2g} s): "
        f"resampled every {step:g} s, straight in between"
    )
    return Clock(step, recorded, grid, note)
