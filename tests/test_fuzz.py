"""The short form of `benchmarks/fuzz.py` and of `benchmarks/kills.py`."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def _run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_damaged_inputs_are_read_or_refused(tmp_path: Path) -> None:
    _run("benchmarks/fuzz.py", "--count", "28", "--seed", "0", "--out", str(tmp_path / "bad"))


def test_killed_commands_end_in_the_same_bytes() -> None:
    _run("benchmarks/kills.py", "--kills", "2", "--seed", "26", "--verbs", "simulate", "save")
