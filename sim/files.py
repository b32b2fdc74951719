"""Files that appear whole or not at all: readers never meet one that is half written."""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.remote import push

_OF_DISK = (
    errno.ENOSPC,
    errno.EROFS,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.EIO,
)
_LONGEST_NAME, _CUT = 120, 100  # bytes: file systems take 255, and names get endings


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A scratch file beside `path`, to be written in the block; it becomes `path` when that is left.

    If the block fails, `path` stays as it was and the scratch file goes. The folder is made. A file of a
    mirror goes to the storage, too (`sim.remote`).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield scratch
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    push(path)


def is_of_disk(error: BaseException) -> bool:
    """Whether a disk refused: it is full, read-only, over its quota, or not ours to write to."""
    return isinstance(error, OSError) and error.errno in _OF_DISK


def told_by_disk(error: BaseException) -> str:
    """The file, where it is known, and what the disk says."""
    assert isinstance(error, OSError)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{os.strerror(error.errno or 0)}"


def file_name(text: str) -> str:
    """A file's name, without folders, for something that data calls `text`: often that itself.

    Characters that mean something to a file system are replaced, long texts cut; such names end in
    a hash of the text, so that different texts have different names.
    """
    plain = re.sub(r"[^\w.+=@,()\[\] -]", "_", text).strip(" ")
    if plain == text and not text.startswith(".") and len(text.encode()) <= _LONGEST_NAME:
        return text
    short = plain.lstrip(". ").encode()[:_CUT].decode(errors="ignore")
    return f"{short}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:10]}"


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `path`, text as UTF-8, as `whole_file` does."""
    with whole_file(path) as scratch:
        scratch.write_bytes(content.encode() if isinstance(content, str) else content)
