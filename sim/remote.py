"""Folders of object storage, each with a mirror on this machine that all else works on.

A URL (`s3://bucket/runs`, and what else fsspec reaches) stands for a folder in `~/.cache/bevdrive/mirror`.
`fetch` brings there what the storage holds; a file that is written whole (`sim.files`) goes to the storage
as soon as it is there. The mirror outlives a loss of either: what one side lacks the other still has.
"""

import errno
import os
import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sim.errors import InputError

LATEST = "latest"  # a link in folders of runs; in the storage, a text that names the run
_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)  # before a file is sent once more
_URL = re.compile(r"(?P<before>^|[=@,])(?P<scheme>[a-z][a-z0-9+]*)://(?P<key>[^,]*)")


def mirror() -> Path:
    """The folder that holds all mirrors."""
    return Path.home().resolve() / ".cache" / "bevdrive" / "mirror"


def localized(text: str) -> str:
    """A word of the command line, or of a preset, with the folder in the place of every URL in it."""

    def folder(found: re.Match[str]) -> str:
        key = found["key"].strip("/")
        if not key or ".." in key.split("/"):
            raise InputError(f"{found['scheme']}://{found['key']}: names no folder")
        return f"{found['before']}{mirror() / found['scheme'] / key}"

    return _URL.sub(folder, text)


def named(text: str) -> str:
    """The other way round."""
    return re.sub(re.escape(f"{mirror()}/") + r"([a-z][a-z0-9+]*)/", r"\1://", text)


def url_of(path: Path) -> str | None:
    """Of what a file or folder is the mirror; None: of nothing, as most are."""
    root = mirror()
    if not path.is_relative_to(root) or len(path.relative_to(root).parts) < 2:
        return None
    scheme, *parts = path.relative_to(root).parts
    return f"{scheme}://{'/'.join(parts)}"


def fetch(path: Path) -> Path:
    """Bring what the storage holds at `path` or below, and this machine does not; nothing for other paths.

    Returns `path`. Raises InputError where the storage cannot be read.
    """
    url = url_of(path)
    if url is None:
        return path
    storage, root = _storage(url)
    try:
        if path.name == LATEST and storage.isfile(root):
            point(path, storage.cat_file(root).decode())
            fetch(path.resolve())
            return path
        held = _held(storage, root)
    except Exception as error:  # each kind of storage has its own
        raise InputError(f"{url}: cannot be read: {_told(error)}") from None
    for key, told in held.items():
        place = path / key if key else path
        if place.is_file() and (_same(place, told) or place.stat().st_mtime > told[1]):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = place.with_name(f".{place.name}.{os.getpid()}.part")
        storage.get_file(f"{root}/{key}" if key else root, str(scratch))
        os.utime(scratch, (told[1], told[1]))
        os.replace(scratch, place)
    return path


def push(path: Path) -> None:
    """Send a file, or all of a folder that the storage lacks; nothing for other paths, hidden ones and links.

    It is patient where the storage does not answer for a while; then, or where it refuses, OSError.
    """
    url = url_of(path)
    if url is None or any(part.startswith(".") for part in path.relative_to(mirror()).parts):
        return
    storage, root = _storage(url)
    if path.is_file():
        _patiently(lambda: storage.put_file(str(path), root), url)
        written = _written(_patiently(lambda: storage.info(root), url))
        os.utime(path, (written, written))  # by this and its size it is known to be the same
        return
    held = _patiently(lambda: _held(storage, root), url)
    for file in sorted(path.rglob("*")):
        key = file.relative_to(path).as_posix()
        if file.is_file() and not file.is_symlink() and not _same(file, held.get(key)):
            push(file)


def remove(path: Path) -> None:
    """A file, there and here."""
    url = url_of(path)
    path.unlink(missing_ok=True)
    if url is not None:
        storage, root = _storage(url)
        _patiently(lambda: storage.exists(root) and storage.rm_file(root), url)


def point(link: Path, name: str) -> None:
    """Let `link` lead to its neighbour `name`; in the storage it becomes a text."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)  # of a process with this number that was killed
    fresh.symlink_to(name)
    os.replace(fresh, link)
    if (url := url_of(link)) is not None:
        storage, root = _storage(url)
        _patiently(lambda: storage.pipe_file(root, name.encode()), url)


Held = tuple[int, float]  # bytes, and when it was written


def _held(storage: Any, root: str) -> dict[str, Held]:
    """What is below a key, by the rest of its name ("": itself)."""
    try:
        found = storage.find(root, detail=True)
    except FileNotFoundError:
        return {}
    return {
        name[len(root) :].lstrip("/"): (told["size"], _written(told))
        for name, told in found.items()
        if name == root or name.startswith(f"{root}/")
    }


def _written(told: dict[str, Any]) -> float:
    """When, in seconds; storages have different names for it."""
    when = next((told[k] for k in ("LastModified", "mtime", "created") if k in told), 0.0)
    return when.timestamp() if isinstance(when, datetime) else float(when)


def _same(file: Path, held: Held | None) -> bool:
    """Whether the storage has the same file: of this size, and written when this one is said to be."""
    here = file.stat()
    return held is not None and held[0] == here.st_size and abs(held[1] - here.st_mtime) < 1e-3


def _storage(url: str) -> tuple[Any, str]:
    """The file system and the key there; InputError says what to install."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise InputError(f"{url}: {error}: pip install 'bevdrive[cluster]'") from None


def _patiently(action: Callable[[], Any], url: str) -> Any:
    """Again and again, unless the storage says no."""
    for wait_s in (*_WAITS_S, None):
        try:
            return action()
        except FileNotFoundError:
            raise InputError(f"{url}: there is no such bucket") from None
        except Exception as error:  # each kind of storage has its own for a lost connection
            if wait_s is None or _is_refusal(error):
                number = getattr(error, "errno", None) or errno.EIO
                raise OSError(number, _told(error), url) from error
            time.sleep(wait_s)
    raise AssertionError("it ends with a result or an error")


def _is_refusal(error: Exception) -> bool:
    """Whether the storage answered, and said no: it is full, or this is not ours to write to."""
    answer = getattr(error.__cause__, "response", None) or {}
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    over_quota = "Quota" in answer.get("Error", {}).get(
        "Code", ""
    )  # with a status of each server's own
    return isinstance(error, PermissionError) or status in (413, 507) or over_quota


def _told(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
