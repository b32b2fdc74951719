"""Jobs, how far each of them is, and what is raised where their workers die."""

from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

Jobs = list[tuple[Any, ...]]


class BrokenRun(Exception):
    """A worker died: killed, out of memory, or with its machine."""


def tell(done: float, total: float) -> None:
    """From within a job: how much of it is done, and how much there is to do."""
    if _listener is not None:
        _listener(done, total)


def listen(told: Callable[[float, float], None] | None) -> None:
    """Who hears what the job that runs here tells."""
    global _listener
    _listener = told


_listener: Callable[[float, float], None] | None = None


class Progress:
    """What is done and what there is to do, by job; each job writes its own, so nothing is locked."""

    def __init__(self, amounts: list[float]) -> None:
        context = get_context("spawn")
        self.done = context.RawArray("d", len(amounts))
        self.total = context.RawArray("d", amounts)

    def tell(self, job: int, done: float, total: float) -> None:
        self.done[job], self.total[job] = done, total

    def finish(self, job: int) -> None:
        self.done[job] = self.total[job]

    def sums(self) -> tuple[float, float]:
        return sum(self.done), sum(self.total)
