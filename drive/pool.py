"""Jobs in worker processes, with a progress bar; nothing outlives the run."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any


class BrokenRun(Exception):
    """A worker process died: killed, or out of memory."""


def work(
    function: Callable[..., None], jobs: list[tuple[Any, ...]], workers: int, what: str
) -> None:
    """Call `function(*job)` for every job: in `workers` processes (-1: one per core), or here (0).

    Raises what a job raises, and `BrokenRun` where a worker dies; jobs not begun are then dropped.
    """
    from tqdm import tqdm

    count = os.cpu_count() or 1 if workers < 0 else workers
    here = count == 0 or len(jobs) <= 1
    done = map(lambda job: function(*job), jobs) if here else _pooled(function, jobs, count)
    for _ in tqdm(done, total=len(jobs), desc=what, disable=not jobs):
        pass


def _pooled(
    function: Callable[..., None], jobs: list[tuple[Any, ...]], count: int
) -> Iterator[None]:
    """Results as they come."""
    pool = ProcessPoolExecutor(
        min(count, len(jobs)), mp_context=get_context("spawn"), initializer=_begin_worker
    )
    try:
        for done in as_completed([pool.submit(function, *job) for job in jobs]):
            yield done.result()
    except BrokenProcessPool:
        raise BrokenRun("a worker process died (out of memory? --workers 1 needs less)") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Die quietly on Ctrl-C, and with the parent however it dies."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
