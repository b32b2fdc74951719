"""The devkit prints, draws progress bars and warns; here it does none of that."""

import contextlib
import io
import warnings
from collections.abc import Iterator

from sim.errors import InputError


@contextlib.contextmanager
def quiet(what: str) -> Iterator[None]:
    """Run devkit code silently; what it asserts becomes a InputError that begins with `what`."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        except AssertionError as error:
            raise InputError(f"{what}: refused by nuscenes-devkit: {error}") from None
