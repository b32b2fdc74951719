"""The one kind of progress bar: on a terminal it moves, in a file it is a line now and then."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

LOOK_EVERY_S = 0.5
_LOG_EVERY_S = 30.0


def progress_bar(**options: Any) -> "tqdm":
    """tqdm's, with its options."""
    from tqdm import tqdm

    every_s = LOOK_EVERY_S if sys.stderr.isatty() else _LOG_EVERY_S
    return tqdm(mininterval=every_s, **options)
