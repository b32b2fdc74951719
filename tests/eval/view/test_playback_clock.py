"""Which time steps are asked for and shown, on a clock that stands still until it is set."""

import numpy as np

from eval.view.playback_clock import PlaybackClock
from eval.view.shapes import Drawing


class _Scene:
    """11 time steps, 0.1 s apart; `now_s` is what the clock reads."""

    def __init__(self, instant: int = 0) -> None:
        self.now_s = 0.0
        self.clock = PlaybackClock(11, 0.1, instant, lambda: self.now_s)

    def answer(self) -> int | None:
        """Ask if there is something to ask for, and answer at once; returns the time step."""
        instant = self.clock.next_request()
        if instant is not None:
            self.clock.receive(_drawing(instant))
        return instant

    def shown(self) -> str | None:
        drawing = self.clock.take_due()
        return drawing.caption if drawing else None


def _drawing(instant: int) -> Drawing:
    return Drawing({}, [], np.zeros(4), str(instant))


def test_while_it_stands_one_drawing_is_asked_for() -> None:
    scene = _Scene(3)
    assert scene.clock.next_request() == 3 and scene.clock.is_waiting
    assert scene.clock.next_request() is None  # one at a time
    scene.clock.receive(_drawing(3))
    assert scene.shown() == "3" and not scene.clock.is_waiting
    assert scene.clock.next_request() is None  # nothing has changed
    scene.clock.redraw()
    assert scene.answer() == 3


def test_plays_in_real_time() -> None:
    scene = _Scene()
    scene.answer(), scene.shown()
    scene.clock.play(True)
    for instant in range(1, 11):
        assert scene.answer() == instant
        scene.now_s = 0.1 * instant - 0.01
        assert scene.shown() is None  # its time has not come
        scene.now_s += 0.02
        assert scene.shown() == str(instant) and scene.clock.instant == instant
    assert not scene.clock.playing and scene.answer() is None
    scene.clock.play(True)  # from the end: again from the start
    assert scene.clock.instant == 0


def test_at_double_speed_a_time_step_takes_half_as_long() -> None:
    scene = _Scene()
    scene.answer(), scene.shown()
    scene.clock.play(True)
    scene.clock.set_speed(2.0)
    assert scene.answer() == 1
    scene.now_s = 0.049
    assert scene.shown() is None
    scene.now_s = 0.051
    assert scene.shown() == "1"


def test_slow_drawings_leave_time_steps_out() -> None:
    scene = _Scene()
    scene.answer(), scene.shown()
    scene.clock.play(True)
    assert scene.answer() == 1
    scene.now_s = 0.45  # time step 4 is due
    assert scene.shown() == "1"
    assert scene.answer() == 4
    assert scene.shown() == "4"
    assert scene.answer() == 5
    scene.now_s = 9.0
    assert scene.shown() == "5"
    assert scene.answer() == 10 and scene.shown() == "10"
    assert not scene.clock.playing


def test_stopping_stays_at_the_drawing_that_was_on_its_way() -> None:
    scene = _Scene()
    scene.answer(), scene.shown()
    scene.clock.play(True)
    assert scene.clock.next_request() == 1
    scene.clock.play(False)
    scene.clock.receive(_drawing(1))
    assert scene.shown() == "1" and scene.clock.instant == 1
    assert scene.answer() is None


def test_going_elsewhere_asks_for_it_although_an_older_drawing_still_comes() -> None:
    scene = _Scene()
    assert scene.clock.next_request() == 0
    scene.clock.go_to(7)
    scene.clock.receive(_drawing(0))
    assert scene.shown() == "0" and scene.clock.instant == 7
    assert scene.answer() == 7 and scene.shown() == "7"
    scene.clock.go_to(99)
    assert scene.clock.instant == 10
    scene.clock.go_to(-1)
    assert scene.clock.instant == 0
