"""The checks of `compiled.py`, without the type checks that the tests otherwise run under."""

import subprocess
import sys


def test_compiled_equals_eager() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim.sensors.compiled"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
