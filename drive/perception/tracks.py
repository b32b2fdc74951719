"""`Track`: one road user through the frames of a log, and what every step asks of it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

_WINDOW = 11  # frames over which motion is smoothed


@dataclass(frozen=True)
class Track:
    """Boxes `[7]` in the world's frame, one a frame without gaps; `seen`: found there, not filled in."""

    frame: Int[np.ndarray, " n"]
    box: Float[np.ndarray, "n 7"]
    seen: Bool[np.ndarray, " n"]
    index: Int[np.ndarray, " n"]  # which of the frame's boxes it is; -1: filled in

    @property
    def span(self) -> int:
        """How many frames it lasts."""
        return len(self.frame)

    @staticmethod
    def of(
        frame: Int[np.ndarray, " m"], index: Int[np.ndarray, " m"], box: Float[np.ndarray, "m 7"]
    ) -> "Track":
        """From where it was found, in order of time; between these it went straight on."""
        every = np.arange(frame[0], frame[-1] + 1)
        seen = np.isin(every, frame)
        filled = np.stack([np.interp(every, frame, column) for column in box.T[:6]], axis=1)
        # Headings are known but for half a turn: the shorter way round.
        double = np.unwrap(2.0 * box[:, 6])
        yaw = 0.5 * np.interp(every, frame, double)
        numbers = np.full(len(every), -1)
        numbers[seen] = index
        return Track(every, np.concatenate((filled, yaw[:, None]), axis=1), seen, numbers)


def smoothed(
    values: Float[np.ndarray, "n d"], dt_s: float, derivative: int = 0
) -> Float[np.ndarray, "n d"]:
    """By a parabola fitted around each instant (Savitzky and Golay 1964), or a derivative of it."""
    from scipy.signal import savgol_filter

    if len(values) < 3:
        return values if derivative == 0 else np.zeros_like(values)
    window = min(_WINDOW, len(values) - 1 + len(values) % 2)
    return np.asarray(savgol_filter(values, window, 2, deriv=derivative, delta=dt_s, axis=0))
