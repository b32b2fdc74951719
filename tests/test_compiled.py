"""The checks of `compiled.py`, without the type checks that the tests otherwise run under."""

import subprocess
import sys

import pytest

from tests.compiled import CHECKS

# Those of a process share the time that it takes to import the compiler.
TOGETHER = (
    ("metrics", "raster", "lidar"),
    ("step", "observe", "gradient", "forecast", "masks", "least", "tracker"),
)


@pytest.mark.parametrize("checks", TOGETHER, ids="+".join)
def test_compiled_equals_eager(checks: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.compiled", *checks], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_check_is_made() -> None:
    assert sorted(check for checks in TOGETHER for check in checks) == sorted(CHECKS)
