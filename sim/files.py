"""Files that appear whole or not at all: readers never meet one that is half written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A scratch file beside `path`, to be written in the block; it becomes `path` when that is left.

    If the block fails, `path` stays as it was and the scratch file goes. The folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield scratch
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    os.replace(scratch, path)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `path`, text as UTF-8, as `whole_file` does."""
    with whole_file(path) as scratch:
        scratch.write_bytes(content.encode() if isinstance(content, str) else content)
