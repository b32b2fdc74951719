"""Which time step the window shows, and for which drawing it asks next."""

import time
from collections.abc import Callable

from eval.view.shapes import Drawing


class PlaybackClock:
    """Plays a scene in real time, or `speed` times that.

    At most one drawing is on its way. While playing it is that of the next time step, which is shown
    when its time has come; where drawing is too slow, time steps are left out.
    """

    def __init__(
        self,
        num_instants: int,
        dt_s: float,
        instant: int,
        seconds: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Stand still at time step `instant`; `seconds` tells the time."""
        self.instant, self.playing = instant, False
        self._last, self._dt_s, self._seconds = num_instants - 1, dt_s, seconds
        self._speed = 1.0
        self._outdated = True  # what is shown is not what is wanted
        self._requested: int | None = None  # time step of a drawing on its way
        self._arrived: tuple[int, Drawing] | None = None  # one that has come but is not shown yet
        self._restart()

    def play(self, playing: bool) -> None:
        """Run, from the start if the end has been reached; or stop."""
        if playing and self.instant >= self._last:
            self.go_to(0)
        self.playing = playing
        self._restart()

    def set_speed(self, speed: float) -> None:
        """Run at `speed` times real time."""
        self._speed = speed
        self._restart()

    def go_to(self, instant: int) -> None:
        """Show this time step, or the nearest that there is."""
        self.instant = min(max(instant, 0), self._last)
        self._outdated = True
        self._restart()

    def redraw(self) -> None:
        """The present time step is to be drawn anew."""
        self._outdated = True

    @property
    def is_waiting(self) -> bool:
        """Whether a drawing has been asked for and has not arrived."""
        return self._requested is not None

    def next_request(self) -> int | None:
        """The time step to ask for now, if any; it counts as asked for."""
        if self.is_waiting or self._arrived is not None:
            return None
        if self.playing:  # one step late is caught up with, more are left out
            late = self._due() - self.instant
            self._requested = min(self.instant + max(late, 1), self._last)
        elif self._outdated:
            self._requested = self.instant
        else:
            return None
        self._outdated = False
        return self._requested

    def receive(self, drawing: Drawing) -> None:
        """Keep the drawing that was asked for."""
        assert self._requested is not None
        self._arrived, self._requested = (self._requested, drawing), None

    def take_due(self) -> Drawing | None:
        """The drawing to show now, if one has arrived and its time has come; stops after the last."""
        if self._arrived is None or (self.playing and self._arrived[0] > self._due()):
            return None
        (instant, drawing), self._arrived = self._arrived, None
        if self.playing or not self._outdated:  # otherwise the wanted one follows
            self.instant = instant
        if self.playing and instant >= self._last:
            self.play(False)
        return drawing

    def _restart(self) -> None:
        self._began_s, self._began_at = self._seconds(), self.instant

    def _due(self) -> int:
        """The time step whose time has come."""
        elapsed_s = self._seconds() - self._began_s
        return self._began_at + int(elapsed_s * self._speed / self._dt_s)
