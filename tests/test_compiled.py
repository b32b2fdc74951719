"""The checks of `compiled.py`, without the type checks that the tests otherwise run under."""

import subprocess
import sys

import pytest

from tests.compiled import CHECKS


@pytest.mark.parametrize("check", list(CHECKS))
def test_compiled_equals_eager(check: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.compiled", check], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
