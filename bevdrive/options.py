"""Keywords as the options of the command line: the same names, checks and messages."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

from drive.pipelines.presets import from_dict
from sim.errors import one_of

Config = TypeVar("Config")


def filled(
    base: Config, options: dict[str, Any], function: str, but: Collection[str] = ()
) -> Config:
    """`base` with these options; a path may be a text, a list of names a tuple or one name.

    Raises InputError for a name that the function does not know, `but` among them, and for a wrong type.
    """
    known = [name for name in vars(base) if name not in but]
    for name in options:
        one_of(f"{function}: option", name, known)
    return from_dict({name: _plain(value) for name, value in options.items()}, base, function)


def _plain(value: Any) -> Any:
    """As a YAML file would hold it."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
