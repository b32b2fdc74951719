"""Jobs in processes and here: what they tell, and what becomes of those that fail."""

import os
from pathlib import Path
from typing import Any

import pytest

from drive.pipelines import workers
from drive.pipelines.jobs import BrokenRun, tell
from drive.pipelines.simulate_config import SimulateConfig, batch_size_of
from drive.pipelines.workers import WorkOptions, work


class Bar:
    """Stands in for tqdm: notes what it is shown."""

    def __init__(self, total: float) -> None:
        self.n, self.total = 0.0, total
        self.shown: list[tuple[float, float]] = []

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None: ...

    def update(self, more: float) -> None:
        self.n += more
        self.shown.append((self.n, self.total))


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    made: list[Bar] = []

    def make(what: str, unit: str, total: float) -> Bar:
        made.append(Bar(total))
        return made[-1]

    monkeypatch.setattr(workers, "_bar", make)
    return made


def write(folder: Path, name: str) -> None:
    tell(1.0, 4.0)
    (folder / name).write_text(str(os.getpid()))


def fail(folder: Path, name: str) -> None:
    raise ValueError(name)


def die(folder: Path, name: str) -> None:
    os._exit(9)


@pytest.mark.parametrize("processes", [0, 2])
def test_every_job_is_done_and_the_bar_ends_at_what_there_was_to_do(
    processes: int, tmp_path: Path, bars: list[Bar]
) -> None:
    work(
        write,
        [(tmp_path, name) for name in "abc"],
        WorkOptions(processes),
        "writing",
        [2.0, 2.0, 2.0],
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
    pids = {path.read_text() for path in tmp_path.iterdir()}
    assert (pids == {str(os.getpid())}) == (processes == 0)
    shown = bars[0].shown
    assert shown[-1] == (12.0, 12.0)  # three jobs of 4, as they told, not of 2
    assert [n for n, _ in shown] == sorted(n for n, _ in shown)
    if processes == 0:  # begun with 6 to do, the first job says that it is of 4, and 1 is done
        assert shown[0] == (1.0, 8.0)


@pytest.mark.parametrize("processes", [0, 2])
def test_what_a_job_raises_is_raised(processes: int, tmp_path: Path, bars: list[Bar]) -> None:
    with pytest.raises(ValueError, match=r"^[ab]$"):
        work(fail, [(tmp_path, "a"), (tmp_path, "b")], WorkOptions(processes), "failing")
    tell(1.0, 1.0)  # nobody listens any more


def test_a_worker_that_dies_breaks_the_run(tmp_path: Path, bars: list[Bar]) -> None:
    with pytest.raises(BrokenRun, match="a worker process died"):
        work(die, [(tmp_path, name) for name in "ab"], WorkOptions(2), "dying")


def test_nothing_to_do_shows_no_bar(bars: list[Bar]) -> None:
    work(write, [], WorkOptions(2), "writing")
    assert bars == []


@pytest.mark.parametrize(
    ("options", "scenarios", "worlds"),
    [
        ({"planner": ("idm", "pdm")}, 512, 64),
        ({"planner": ("idm", "pdm")}, 200, 25),
        ({"planner": ("idm", "pdm")}, 32, 16),
        ({"planner": ("idm", "p3")}, 512, 64),
        ({"planner": ("costvolume",), "sensors": "lidar"}, 512, 16),
        ({"planner": ("pdm",), "forecast": "joint"}, 512, 64),
        ({"planner": ("pdm",), "perception": "discovered"}, 512, 16),
        ({"planner": ("p3",), "batch_size": 3}, 512, 3),
    ],
)
def test_many_worlds_where_planners_are_shown_no_images(
    options: dict[str, Any], scenarios: int, worlds: int
) -> None:
    assert batch_size_of(SimulateConfig(**options), scenarios) == worlds
