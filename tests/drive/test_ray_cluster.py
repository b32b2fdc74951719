"""Jobs on a Ray cluster of this machine: done, failed, done again, and the same results as by processes."""

import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drive.cli.main import main
from drive.pipelines import ray_cluster
from drive.pipelines.jobs import BrokenRun
from drive.pipelines.workers import WorkOptions, work
from drive.progress_bar import LOOK_EVERY_S
from sim.errors import InputError

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
ON_RAY = WorkOptions(2, "ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One for all tests: it takes seconds to start."""
    ray = ray_cluster.require_ray()
    ray.init("local", num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield
    ray.shutdown()


def write(folder: Path, name: str) -> None:
    (folder / name).write_text(str(os.getpid()))


def fail(folder: Path, name: str) -> None:
    raise InputError(f"{name}: not good")


def die(folder: Path, times: int) -> None:
    """Leaves a line each time; dies the first `times`."""
    with (folder / "tries").open("a") as file:
        file.write("x")
    if len((folder / "tries").read_text()) <= times:
        os._exit(9)


def test_every_job_is_done_elsewhere(tmp_path: Path) -> None:
    work(write, [(tmp_path, name) for name in "abcde"], ON_RAY, "writing")
    assert sorted(path.name for path in tmp_path.iterdir()) == list("abcde")
    assert str(os.getpid()) not in {path.read_text() for path in tmp_path.iterdir()}


def last(folder: Path, name: str) -> None:
    """Leaves when it began and ended; longer than it takes to look again."""
    began = time.monotonic()
    time.sleep(1.5 * LOOK_EVERY_S)
    (folder / name).write_text(f"{began} {time.monotonic()}")


def test_no_more_at_once_than_asked_for(tmp_path: Path) -> None:
    work(last, [(tmp_path, name) for name in "abc"], WorkOptions(1, "ray"), "lasting")
    spans = sorted(tuple(map(float, path.read_text().split())) for path in tmp_path.iterdir())
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


def test_what_a_job_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^b: not good$"):
        work(fail, [(tmp_path, "b")], ON_RAY, "failing")


def test_a_job_whose_worker_died_is_done_again(tmp_path: Path) -> None:
    work(die, [(tmp_path, 1)], ON_RAY, "dying")
    assert (tmp_path / "tries").read_text() == "xx"


def test_a_job_that_always_dies_breaks_the_run(tmp_path: Path) -> None:
    with pytest.raises(BrokenRun, match="died 4 times"):
        work(die, [(tmp_path, 99)], ON_RAY, "dying")
    assert (tmp_path / "tries").read_text() == "xxxx"


def test_machines_with_another_version_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    here = ray.nodes()[0]["NodeManagerAddress"]
    really = ray_cluster.source_digest()
    pid = os.getpid()
    monkeypatch.setattr(
        ray_cluster, "source_digest", lambda: "mine" if os.getpid() == pid else really
    )
    with pytest.raises(
        InputError, match=rf"^--cluster ray: {here} .*another version: {really}, not mine"
    ):
        work(write, [(tmp_path, "a")], ON_RAY, "writing")
    assert not list(tmp_path.iterdir())


def test_a_run_is_the_same_as_by_processes(tmp_path: Path) -> None:
    told: dict[str, Any] = {}
    for name, where in {"ray": ["--cluster", "ray"], "processes": []}.items():
        words = [
            "--planner",
            "constant_velocity",
            "--count",
            "4",
            "--batch-size",
            "2",
            "--videos",
            "0",
        ]
        words += ["--families", "straight,curve", "--duration-s", "2", "--workers", "1", *where]
        assert main(["simulate", *words, "--out", str(tmp_path), "--name", name]) == 0
        told[name] = json.loads((tmp_path / name / "metrics.json").read_text())
    assert told["ray"] == told["processes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cluster", "slurm"], "--cluster: unknown 'slurm' (choices: ray)"),
        (["--cluster", "ray", "--workers", "0"], "--workers 0: no process at all"),
    ],
)
def test_wrong_options(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *words]) == 2
    assert said in capsys.readouterr().err


def test_nobody_at_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    out = tmp_path / "runs"
    assert main(["simulate", "--count", "1", "--cluster", "ray", "--out", str(out)]) == 2
    assert "RAY_ADDRESS=127.0.0.1:1: no Ray cluster answers" in capsys.readouterr().err
    assert not out.exists()
