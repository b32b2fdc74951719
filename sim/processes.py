"""Processes that are started here."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_interruption() -> Iterator[None]:
    """Ctrl-C waits; processes started here never hear of it: their parent ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
