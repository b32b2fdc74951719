"""The Savitzky-Golay filter of signals of different lengths in one batch: scipy's numbers."""

from math import perm

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim.compiling import materialize


class SavgolFilter:
    """`scipy.signal.savgol_filter` with mode "interp": a polynomial fitted to a moving window."""

    def __init__(self, window: int, order: int, derivative: int) -> None:
        self.window, self.derivative = window, derivative
        # By length of the window and place in the signal. Places 0 to W - 1 are those of the window
        # at either end of the signal; W is every other one, in the middle of its window.
        weights = np.zeros((window + 1, window + 1, window))
        for own in range(order + 1, window + 1):
            weights[own, :own, :own] = _fit(own, order, derivative, np.arange(own))
            weights[own, window, :own] = _fit(own, order, derivative, np.array([(own - 1) / 2]))
        self._weights = torch.tensor(weights, dtype=torch.float32)
        self._matrices: dict[int, Tensor] = {}

    def __call__(
        self, signal: Float[Tensor, "b t"], length: Int[Tensor, " b"] | None, dt_s: float
    ) -> Float[Tensor, "b t"]:
        """The filtered first `length` values of each row; what comes after them means nothing.

        The window is at most the length; lengths that the order does not allow give zeros. `length` None:
        every row is whole, and the filter one matrix for all of them.
        """
        if length is None:
            matrix = self._matrix(signal.shape[1]).to(signal.device)
            return (matrix * signal.unsqueeze(1)).sum(-1) / dt_s**self.derivative
        (signal,) = materialize(signal)
        t = torch.arange(signal.shape[1], device=signal.device)
        own = length.clamp(max=self.window).unsqueeze(1)
        end = length.unsqueeze(1)
        at_start, at_end = t < own // 2, t >= end - own // 2
        start = torch.where(at_start, 0, torch.where(at_end, end - own, t - (own - 1) // 2))
        place = torch.where(at_start, t, torch.where(at_end, t - end + own, self.window))
        taps = start.unsqueeze(-1) + torch.arange(self.window, device=signal.device)
        values = torch.gather(signal, 1, taps.clamp(0, signal.shape[1] - 1).flatten(1))
        weights = self._weights.to(signal.device)[own, place.clamp(0, self.window)]
        return (weights * values.reshape(taps.shape)).sum(-1) / dt_s**self.derivative

    def _matrix(self, count: int) -> Float[Tensor, "t t"]:
        """What is made of signals of `count` values; from what is made of each value alone."""
        if count not in self._matrices:
            alone = torch.eye(count)
            self._matrices[count] = self(alone, torch.full((count,), count), 1.0).T.contiguous()
        return self._matrices[count]


def _fit(window: int, order: int, derivative: int, at: np.ndarray) -> np.ndarray:
    """Weights `[A, W]`: a derivative, at places of the window, of the least-squares polynomial."""
    middle, power = (window - 1) / 2, np.arange(order + 1)
    basis = (np.arange(window) - middle)[:, None] ** power
    factor = np.array([perm(k, derivative) for k in power], dtype=np.float64)
    slopes = factor * (at - middle)[:, None] ** np.maximum(power - derivative, 0)
    return slopes @ np.linalg.pinv(basis)
