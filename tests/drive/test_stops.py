"""What stops a verb before its end - Ctrl-C, a disk - and commands that are given again."""

import errno
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import drive.pipelines.save as pipeline
import sim.files
from drive.cli.main import main

_SMALL = ["--families", "straight", "--count", "2", "--duration-s", "1"]


def _simulate(out: Path, *more: str) -> int:
    fixed = ["--planner", "constant_velocity", "--workers", "0", "--videos", "0", "--name", "run"]
    return main(["simulate", *_SMALL, *fixed, "--out", str(out), *more])


@pytest.fixture
def _signals() -> Iterator[None]:
    """After Ctrl-C a verb leaves it without effect: nothing but the end of the process follows."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize("swallowed", [False, True])
def test_ctrl_c_is_130_and_one_line_whatever_becomes_of_it(
    swallowed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def press(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            if swallowed:  # as foreign code does
                raise ValueError("something else") from None
            raise

    monkeypatch.setattr(pipeline, "load", press)
    assert main(["save", *_SMALL, "--to", str(tmp_path / "to")]) == 130
    assert capsys.readouterr().err.strip() == "bevdrive: interrupted"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    assert _simulate(out, "--batch-size", "1") == 0
    return out / "run"


@pytest.mark.parametrize("refusal", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_is_one_line_and_the_run_goes_on(
    refusal: int,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    replace, calls = os.replace, 0

    def refuse(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls > 6:
            raise OSError(refusal, os.strerror(refusal), str(target))
        replace(source, target)

    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(sim.files.os, "replace", refuse)
        assert _simulate(tmp_path / "cut", "--batch-size", "1") == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "bevdrive" in line]
    assert len(said) == 1
    assert os.strerror(refusal) in said[0] and "to go on: bevdrive simulate --resume" in said[0]
    assert not [path for path in tmp_path.rglob("*.part")]
    assert main(["simulate", "--resume", str(tmp_path / "cut" / "run")]) == 0
    names = ["metrics.json", "batches/00000.json", "batches/00001.json", "per_scenario.parquet"]
    for name in names:
        cut = (tmp_path / "cut" / "run" / name).read_bytes()
        assert (whole / name).read_bytes() == cut, name


def test_finished_commands_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _simulate(tmp_path) == 0
    written = (tmp_path / "run" / "report.html").stat().st_mtime_ns
    capsys.readouterr()
    assert _simulate(tmp_path) == 0
    assert "finished already" in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").stat().st_mtime_ns == written
    assert _simulate(tmp_path, "--seed", "1") == 2  # another run of that name
    assert "exists already" in capsys.readouterr().err
    to = tmp_path / "to"
    for told in ("2 scenarios in", "2 scenarios in .*, 2 of them already"):
        assert main(["save", *_SMALL, "--to", str(to)]) == 0
        assert re.search(told, capsys.readouterr().out)
