"""`log.txt`, and how the process of the command line ends when nobody reads on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drive.cli.run_log import RunLog, keep_log, log_alone


def _told(folder: Path) -> list[str]:
    """The lines of its log, without date and time."""
    lines = (folder / "log.txt").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in lines)
    return [line[21:] for line in lines]


def test_a_log_has_what_was_run_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLog(["simulate", "--name", "a b"]) as log:
        print("skipped one: before the folder is known", file=sys.stderr)
        keep_log(tmp_path)
        sys.stderr.write("\rdriving:  50%|#    | 1/2")
        sys.stderr.write("\rdriving: 100%|#####| 2/2\n")
        print("error: of a plan", "in two pieces", file=sys.stderr)
        print("a result")
        log_alone("skipped six: the terminal has seen five")
        log.code = 1
    first, said, version, *rest, end = _told(tmp_path)
    assert first == "bevdrive simulate --name 'a b'"
    assert said == "skipped one: before the folder is known" and version.startswith("bevdrive 0.")
    assert rest == ["error: of a plan in two pieces", "skipped six: the terminal has seen five"]
    assert re.fullmatch(r"exit code 1 after \d+\.\d s", end)
    seen = capsys.readouterr()
    assert "100%" in seen.err and "skipped six" not in seen.err and seen.out == "a result\n"
    with RunLog(["simulate", "--resume", "x"]):
        keep_log(tmp_path)
    assert _told(tmp_path)[6] == "bevdrive simulate --resume x" and len(_told(tmp_path)) == 9


def test_no_folder_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stderr = sys.stderr
    with RunLog(["benchmark", "list"]):
        print("nothing", file=sys.stderr)
    assert sys.stderr is stderr and not list(tmp_path.iterdir())
    monkeypatch.setenv("LOCAL_RANK", "1")  # the second of several devices
    with RunLog(["train"]):
        keep_log(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--help"], ["benchmark", "list"], ["report", "--help"]])
def test_a_reader_who_leaves_ends_it_without_a_word(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "drive.cli.main", *words]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
