"""What a user did wrong, told apart from what the project does wrong."""

import difflib
from collections.abc import Collection
from typing import Any

_LISTED = 40  # choices that one message names


class InputError(ValueError):
    """Wrong input: an option, a file, a field. Its message is one line that says what to mend.

    The command line shows that line and exits with 2. Any other exception is a bug and keeps its
    traceback.
    """


# What reading a damaged file raises, deep in code that believes it: readers name the file instead.
DAMAGED = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError,
)  # fmt: skip


def one_of(what: str, value: Any, choices: Collection[str]) -> None:
    """Raise `InputError`, naming the nearest choice and all of them (the first 40), for any other."""
    if value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    more = f" and {len(choices) - _LISTED} more" if len(choices) > _LISTED else ""
    listed = ", ".join(list(choices)[:_LISTED]) + more
    raise InputError(f"{what}: unknown {value!r}{hint} (choices: {listed})")
