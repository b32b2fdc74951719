"""The Savitzky-Golay filter of signals of different lengths in one batch: scipy's numbers."""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def savgol(
    signal: Float[Tensor, "b t"],
    length: Int[Tensor, " b"],
    window: int,
    order: int,
    derivative: int,
    dt_s: float,
) -> Float[Tensor, "b t"]:
    """`scipy.signal.savgol_filter` of the first `length` values of each row; later ones mean nothing.

    The window is at most the length; lengths that the order does not allow give zeros.
    """
    rows = _table(window, order, derivative, dt_s, str(signal.device))
    t = torch.arange(signal.shape[1], device=signal.device)
    own = length.clamp(max=window).unsqueeze(1)
    end = length.unsqueeze(1)
    at_start, at_end = t < own // 2, t >= end - own // 2
    start = torch.where(at_start, 0, torch.where(at_end, end - own, t - (own - 1) // 2))
    row = torch.where(at_start, t, torch.where(at_end, t - end + own, window)).clamp(0, window)
    taps = start.unsqueeze(-1) + torch.arange(window, device=signal.device)
    values = torch.gather(signal, 1, taps.clamp(0, signal.shape[1] - 1).flatten(1))
    return (rows[own, row] * values.reshape(taps.shape)).sum(-1)


@torch.compiler.assume_constant_result
def _table(window: int, order: int, derivative: int, dt_s: float, device: str) -> Tensor:
    """Weights `[W + 1, W + 1, W]` by length of the window and place in the signal.

    Places 0 to W - 1 are those of the fit to the window at either end, W is every other one.
    """
    return _weights(window, order, derivative, dt_s).to(device)


@cache
def _weights(window: int, order: int, derivative: int, dt_s: float) -> Tensor:
    from scipy.signal import savgol_filter

    weights = np.zeros((window + 1, window + 1, window))
    for own in range(order + 1, window + 1):
        at_ends, long = (
            savgol_filter(np.eye(length), own, order, derivative, dt_s, axis=0)
            for length in (own, 4 * own)
        )
        weights[own, :own, :own] = at_ends
        start = 2 * own - (own - 1) // 2
        weights[own, window, :own] = long[2 * own, start : start + own]
    return torch.tensor(weights, dtype=torch.float32)
