"""The driver, above `sim` and `eval`: those beside it, whatever a working folder holds by these names.

It comes first in every process: of the command, of a worker, of a program that imports `bevdrive`.
"""

import sys
from importlib import import_module
from pathlib import Path


def _take_neighbours() -> None:
    """Import them where nothing can be found before them.

    Raises ImportError where something else by that name was imported already.
    """
    beside = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(beside))
    try:
        for name in ("sim", "eval"):
            found = getattr(import_module(name), "__file__", None)
            if Path(found or "").resolve() != beside / name / "__init__.py":
                told = f"{found or 'a folder of that name'} was imported before it"
                raise ImportError(
                    f"bevdrive has a package {name!r} of its own, and {told}: import bevdrive first"
                )
    finally:
        sys.path.remove(str(beside))


_take_neighbours()
