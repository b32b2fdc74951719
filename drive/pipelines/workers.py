"""Jobs of a verb, with a bar that knows how far they are: in processes of this machine, or on a cluster."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from drive.pipelines.jobs import Jobs, Progress
from drive.progress_bar import progress_bar
from sim.errors import InputError, one_of

CLUSTERS = ("ray",)


@dataclass(frozen=True)
class WorkOptions:
    """Where the jobs of a verb are done; results do not depend on it."""

    workers: int = -1
    """processes (-1: one per core, of simulate with cuda one; 0: none, for debugging), or, on a cluster,
    jobs at once (-1: one per core of it); results do not depend on it"""
    cluster: str | None = None
    """ray: jobs are tasks of a Ray cluster, the one at RAY_ADDRESS or else one on this machine; all of its
    machines see the same folders, and have the same version installed"""

    def check_work(self) -> None:
        """Raise InputError for what is wrong with them, so far as that can be told here."""
        if self.workers < -1:
            raise InputError(f"--workers: must be at least -1, not {self.workers}")
        if self.cluster is not None:
            from drive.pipelines.ray_cluster import require_cluster

            one_of("--cluster", self.cluster, CLUSTERS)
            require_cluster()
            if self.workers == 0:
                raise InputError("--workers 0: no process at all; leave out --cluster")


WORK_FIELDS = ("workers", "cluster")  # change no result


def work(
    function: Callable[..., object],
    jobs: Jobs,
    options: WorkOptions,
    what: str,
    amounts: list[float] | None = None,
    unit: str = "",
    gpus: int = 0,
) -> None:
    """Call `function(*job)` for every job, where `options` say; on a cluster each takes `gpus`.

    The bar counts jobs, or `amounts` of a `unit`: how much each job has to do, as far as is known; a
    job can `tell` better. Raises what a job raises, and `BrokenRun` where a worker dies (on a cluster: again
    and again); jobs not begun are then dropped.
    """
    if not jobs:
        return
    progress = Progress(amounts or [1.0] * len(jobs))
    with _bar(what, unit, progress.sums()[1]) as bar:

        def show() -> None:
            done, bar.total = progress.sums()
            bar.update(done - bar.n)

        for _ in _under_way(function, jobs, options, progress, gpus, show):
            show()
        show()


def _under_way(
    function: Callable[..., object],
    jobs: Jobs,
    options: WorkOptions,
    progress: Progress,
    gpus: int,
    show: Callable[[], None],
) -> Iterator[None]:
    """Now and then, and whenever a job is done."""
    if options.cluster is not None:
        from drive.pipelines.ray_cluster import on_ray

        return on_ray(function, jobs, options.workers, progress, gpus)
    from drive.pipelines.processes import here, in_processes, number_of

    count = number_of(options.workers)
    if count == 0 or len(jobs) == 1:
        return here(function, jobs, progress, show)
    return in_processes(function, jobs, min(count, len(jobs)), progress)


def _bar(what: str, unit: str, total: float) -> Any:
    counts = f"{{n:.0f}}/{{total:.0f}} {unit}".rstrip()
    layout = f"{{desc}}: {{percentage:3.0f}}%|{{bar}}| {counts} [{{elapsed}}<{{remaining}}]"
    return progress_bar(desc=what, total=total, bar_format=layout)
