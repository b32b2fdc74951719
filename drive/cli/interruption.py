"""Ctrl-C, whatever it meets: the command ends with 130. What else stops a verb before its end."""

import os
import signal
import sys
import threading
from types import FrameType

from sim.files import is_of_disk, told_by_disk


class Interruption:
    """While it is entered: whether Ctrl-C was pressed. A second one ends the process at once.

    Foreign code turns a KeyboardInterrupt into an exception of its own now and then; who asks here
    knows better. When it is left after that, or where `ends_process`, nothing is interrupted any more:
    only the end of the process is left.
    """

    def __init__(self, ends_process: bool = False) -> None:
        self.happened = False
        self._ends_process = ends_process

    def __enter__(self) -> "Interruption":
        self._listens = threading.current_thread() is threading.main_thread()
        if self._listens:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._listens:
            ends = self.happened or self._ends_process
            signal.signal(signal.SIGINT, signal.SIG_IGN if ends else self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.happened:
            os._exit(130)
        self.happened = True
        raise KeyboardInterrupt


def stopped(stop: BaseException, advice: str) -> int:
    """Say in one line what stopped a verb, and what follows from it; returns the exit code.

    Of the errors of the system, only a disk's refusal is such a stop: any other is raised again.
    """
    if isinstance(stop, OSError) and not is_of_disk(stop):
        raise stop
    interrupted = isinstance(stop, KeyboardInterrupt)
    what = "interrupted" if interrupted else told_by_disk(stop) if is_of_disk(stop) else stop
    print(f"\nbevdrive: {what}; {advice}", file=sys.stderr)
    return 130 if interrupted else 1
