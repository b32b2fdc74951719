"""Jobs as tasks of a Ray cluster: the one at RAY_ADDRESS, or else one on this machine for as long as the run.

A task whose worker or machine dies is done again elsewhere. All machines see the same folders (jobs write
files, and return nothing), and the same version of this project has to be installed on each of them.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drive.pipelines.jobs import BrokenRun, Jobs, Progress
from drive.progress_bar import LOOK_EVERY_S
from sim.errors import InputError
from sim.extras import require_installed

_TRIES_AGAIN = 3  # of a job whose worker died
_AHEAD = 2  # jobs handed over for each that can run: the next one waits beside it
_ANSWERS_S = 5.0
_PACKAGES = ("sim", "eval", "drive")


def require_ray() -> Any:
    """The module; InputError says what to install where it is missing."""
    # Jobs that ask for no GPU see those of the machine as they would in a process.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    require_installed("--cluster ray", "ray")
    import ray

    return ray


def require_cluster() -> None:
    """InputError where Ray is missing, or nobody answers at RAY_ADDRESS: Ray itself would try for minutes."""
    import socket

    require_ray()
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # none, or a word of Ray's own
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWERS_S).close()
    except OSError as error:
        raise InputError(f"RAY_ADDRESS={address}: no Ray cluster answers: {error}") from None


def on_ray(
    function: Callable[..., object], jobs: Jobs, workers: int, progress: Progress, gpus: int
) -> Iterator[None]:
    """Now and then, and whenever a job is done; `workers`: how many at once (-1: as there are cores).

    Raises what a job raises; `BrokenRun` where its workers die again and again; InputError where there is
    no cluster, or one of its machines has another version.
    """
    ray = require_ray()
    with _connected(ray, workers):
        _require_same_source(ray)
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_TRIES_AGAIN)(_run)
        most = workers if workers > 0 else _AHEAD * int(ray.cluster_resources().get("CPU", 1))
        todo = iter(enumerate(jobs))
        running: dict[Any, int] = {}
        # Where something is raised, what still runs is left alone: it ends by itself, or with the cluster.
        # Ray 2.60 kills this process where a task that is cancelled ends at that instant.
        while True:
            while len(running) < most and (following := next(todo, None)):
                number, job = following
                running[task.remote(function, job)] = number
            if not running:
                return
            done, _ = ray.wait(list(running), timeout=LOOK_EVERY_S)
            for reference in done:
                _raise_what_went_wrong(ray, reference)
                progress.finish(running.pop(reference))
            yield


def _run(function: Callable[..., object], job: tuple[Any, ...]) -> None:
    function(*job)


def _raise_what_went_wrong(ray: Any, reference: Any) -> None:
    """What the job raised, as it raised it."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        told = str(error).strip().splitlines()[0]
        raise BrokenRun(f"a job's worker died {_TRIES_AGAIN + 1} times: {told}") from None


@contextmanager
def _connected(ray: Any, workers: int) -> Iterator[None]:
    """To a cluster that was joined already, that of RAY_ADDRESS, or a new one, which ends with the run."""
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    own = {} if address else {"num_cpus": workers if workers > 0 else os.cpu_count()}
    try:
        ray.init(address or "local", log_to_driver=False, include_dashboard=False if own else None,
                 logging_level="ERROR", **own)  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        told = str(error).strip().splitlines()[0]
        raise InputError(f"RAY_ADDRESS={address}: no Ray cluster to work on: {told}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _require_same_source(ray: Any) -> None:
    """On each machine of the cluster; InputError names the first one that has another version."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here, task = source_digest(), ray.remote(num_cpus=0)(source_digest)
    for node in (node for node in ray.nodes() if node["Alive"]):
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        where = f"{node['NodeManagerAddress']} ({node['NodeManagerHostname']})"
        try:
            there = ray.get(task.options(scheduling_strategy=strategy).remote())
        except ray.exceptions.RayTaskError as error:
            told = str(error.cause).splitlines()[0]
            raise InputError(f"--cluster ray: {where} lacks this project: {told}") from None
        except ray.exceptions.RayError:
            continue  # it has just left: its jobs are done elsewhere
        if there != here:
            raise InputError(f"--cluster ray: {where} has another version: {there}, not {here}")


def source_digest() -> str:
    """Of the names and bytes of all modules, as they are installed here."""
    root = Path(__file__).parents[2]
    found = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]
