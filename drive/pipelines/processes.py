"""Jobs in processes of this machine, which do not outlive the run; or one after the other, here."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any

from drive.pipelines.jobs import BrokenRun, Jobs, Progress, listen
from drive.progress_bar import LOOK_EVERY_S
from sim.processes import without_interruption


def number_of(workers: int) -> int:
    """How many processes that asks for."""
    return os.cpu_count() or 1 if workers < 0 else workers


def here(
    function: Callable[..., object], jobs: Jobs, progress: Progress, show: Callable[[], None]
) -> Iterator[None]:
    """Whenever a job is done; `show` is called whenever one tells how far it is.

    Jobs take one thread each: whoever asked for them has as many afterwards as before.
    """
    import torch

    threads = torch.get_num_threads()
    try:
        for number, job in enumerate(jobs):

            def told(done: float, total: float, number: int = number) -> None:
                progress.tell(number, done, total)
                show()

            listen(told)
            function(*job)
            progress.finish(number)
            yield
    finally:
        listen(None)
        torch.set_num_threads(threads)


def in_processes(
    function: Callable[..., object], jobs: Jobs, count: int, progress: Progress
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


_progress: Progress | None = None  # of a worker process


def _begin_worker(progress: Progress) -> None:
    """Die with the parent however it dies."""
    global _progress
    _progress = progress
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _run(function: Callable[..., object], number: int, job: tuple[Any, ...]) -> None:
    """One job, in a worker."""
    assert _progress is not None
    listen(partial(_progress.tell, number))
    function(*job)
    _progress.finish(number)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
