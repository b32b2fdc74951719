"""Jobs in worker processes, with a bar that knows how far each of them is; nothing outlives the run."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any

from drive.progress_bar import LOOK_EVERY_S, progress_bar
from sim.processes import without_interruption

Jobs = list[tuple[Any, ...]]


class BrokenRun(Exception):
    """A worker process died: killed, or out of memory."""


def work(
    function: Callable[..., object],
    jobs: Jobs,
    workers: int,
    what: str,
    amounts: list[float] | None = None,
    unit: str = "",
) -> None:
    """Call `function(*job)` for every job: in `workers` processes (-1: one per core), or here (0).

    The bar counts jobs, or `amounts` of a `unit`: how much each job has to do, as far as is known; a
    job can `tell` better. Raises what a job raises, and `BrokenRun` where a worker dies; jobs not
    begun are then dropped.
    """
    if not jobs:
        return
    count = os.cpu_count() or 1 if workers < 0 else workers
    progress = _Progress(amounts or [1.0] * len(jobs))
    with _bar(what, unit, progress.sums()[1]) as bar:

        def show() -> None:
            done, bar.total = progress.sums()
            bar.update(done - bar.n)

        if count == 0 or len(jobs) == 1:
            _here(function, jobs, progress, show)
        else:
            for _ in _pooled(function, jobs, min(count, len(jobs)), progress):
                show()
        show()


def tell(done: float, total: float) -> None:
    """From within a job: how much of it is done, and how much there is to do."""
    if _told is not None:
        _told(done, total)


_told: Callable[[float, float], None] | None = None  # who listens to the job that runs here


class _Progress:
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


def _bar(what: str, unit: str, total: float) -> Any:
    counts = f"{{n:.0f}}/{{total:.0f}} {unit}".rstrip()
    layout = f"{{desc}}: {{percentage:3.0f}}%|{{bar}}| {counts} [{{elapsed}}<{{remaining}}]"
    return progress_bar(desc=what, total=total, bar_format=layout)


def _here(
    function: Callable[..., object], jobs: Jobs, progress: _Progress, show: Callable[[], None]
) -> None:
    global _told
    try:
        for number, job in enumerate(jobs):

            def told(done: float, total: float, number: int = number) -> None:
                progress.tell(number, done, total)
                show()

            _told = told
            function(*job)
            progress.finish(number)
            show()
    finally:
        _told = None


def _pooled(
    function: Callable[..., object], jobs: Jobs, count: int, progress: _Progress
) -> Iterator[None]:
    """Now and then, and whenever a job is done."""
    pool = ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_begin_worker, initargs=(progress,)
    )
    try:
        with without_interruption():
            pending = {pool.submit(_run, function, number, job) for number, job in enumerate(jobs)}
        while pending:
            done, pending = wait(pending, LOOK_EVERY_S, FIRST_COMPLETED)
            for future in done:
                future.result()
            yield
    except BrokenProcessPool:
        raise BrokenRun("a worker process died (out of memory? --workers 1 needs less)") from None
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # a shutdown alone waits for the jobs that run
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_progress: _Progress | None = None  # of a worker process


def _begin_worker(progress: _Progress) -> None:
    """Die with the parent however it dies."""
    global _progress
    _progress = progress
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _run(function: Callable[..., object], number: int, job: tuple[Any, ...]) -> None:
    """One job, in a worker."""
    global _told
    assert _progress is not None
    _told = partial(_progress.tell, number)
    function(*job)
    _progress.finish(number)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
