"""Runs and stores in a bucket of a server on this machine: written, lost here, read elsewhere, refused."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drive.cli.main import main
from drive.features.store import Store
from sim import remote
from sim.files import write_whole

s3fs = pytest.importorskip("s3fs", reason="the extra `cluster` is not installed")
moto = pytest.importorskip("moto.server", reason="moto is not installed")

RUN = [
    *("simulate", "--planner", "constant_velocity", "--families", "straight", "--count", "3"),
    *("--duration-s", "1", "--batch-size", "1", "--workers", "0", "--videos", "0"),
]


@pytest.fixture(scope="module")
def server() -> Iterator["moto.ThreadedMotoServer"]:
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def bucket(
    server: "moto.ThreadedMotoServer", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An empty one, and a machine that knows of it."""
    import boto3

    host, port = server.get_host_and_port()
    told = {
        "AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "HOME": str(tmp_path / "home"),
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    name = f"bucket{tmp_path.name.replace('_', '-')[:40].lower()}{os.getpid()}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this is another machine, which has nothing yet."""
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    assert not remote.mirror().exists()


def _refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The storage is read, and does not take a file."""

    class Refusing:
        def __init__(self, storage: Any) -> None:
            self.storage = storage

        def __getattr__(self, name: str) -> Any:
            return getattr(self.storage, name)

        def put_file(self, *_: str) -> None:
            raise error

    find = remote._storage
    monkeypatch.setattr(remote, "_storage", lambda url: (Refusing(find(url)[0]), find(url)[1]))


def test_a_run_in_a_bucket_is_reported_and_resumed_elsewhere(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = f"s3://{bucket}/some/runs"
    assert main([*RUN, "--out", runs, "--name", "one"]) == 0
    here = Path(remote.localized(f"{runs}/one"))
    assert f"out: {runs}" in (here / "config.yaml").read_text()
    files = {
        path.relative_to(here): path.read_bytes() for path in here.rglob("*") if path.is_file()
    }
    _elsewhere(tmp_path, monkeypatch)
    assert main(["report", f"{runs}/latest"]) == 0
    there = Path(remote.localized(f"{runs}/one"))
    assert there != here
    for name, content in files.items():
        if name.name != "report.html":  # written again
            assert (there / name).read_bytes() == content, name
    assert main(["simulate", "--resume", f"{runs}/one"]) == 0
    assert "finished already" in capsys.readouterr().out
    assert main([*RUN, "--out", runs, "--name", "one", "--count", "2"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_server_that_is_away_for_a_while_loses_nothing(
    server: "moto.ThreadedMotoServer", bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(remote.localized(f"s3://{bucket}/away"))
    write_whole(folder / "a.txt", "before")
    port = server.get_host_and_port()[1]
    server.stop()
    monkeypatch.setattr(server, "_port", port)
    later = threading.Timer(3.0, server.start)
    later.start()
    began = time.monotonic()
    write_whole(folder / "b.txt", "while it was away")
    assert time.monotonic() - began > 2.0
    later.join()
    _elsewhere(tmp_path, monkeypatch)
    found = remote.fetch(Path(remote.localized(f"s3://{bucket}/away")))
    assert sorted(path.read_text() for path in found.iterdir()) == ["before", "while it was away"]


def test_who_gave_up_sends_the_rest_later_and_what_is_newer_wins(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://{bucket}/rest"
    home = Path(remote.localized(url))
    write_whole(home / "old.txt", "old")
    with monkeypatch.context() as broken:
        _refuse(broken, ConnectionError("nobody answers"))
        broken.setattr(remote, "_WAITS_S", (0.0,))
        for name in ("new.txt", "old.txt"):
            with pytest.raises(OSError, match="nobody answers"):
                write_whole(home / name, "mine")
    remote.fetch(home)
    assert (home / "old.txt").read_text() == "mine"  # newer than what the storage has
    remote.push(home)
    _elsewhere(tmp_path, monkeypatch)
    there = remote.fetch(Path(remote.localized(url)))
    assert {path.name: path.read_text() for path in there.iterdir()} == {
        "old.txt": "mine", "new.txt": "mine",
    }  # fmt: skip
    time.sleep(1.1)  # the storage tells seconds
    write_whole(there / "old.txt", "last")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    remote.fetch(home)
    assert (home / "old.txt").read_text() == "last"
    remote.remove(home / "new.txt")
    assert [path.name for path in remote.fetch(home).iterdir()] == ["old.txt"]


def test_examples_in_a_bucket_are_collected_and_read(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://{bucket}/store"
    words = ["--families", "straight", "--count", "2", "--duration-s", "8", "--workers", "0"]
    assert main(["collect", *words, "--out", url]) == 0
    made = Store.open(Path(remote.localized(url)))
    _elsewhere(tmp_path, monkeypatch)
    found = Store.open(Path(remote.localized(url)))
    assert found.hash == made.hash and len(found) == len(made) > 0
    assert main(["collect", *words, "--out", url]) == 0  # nothing is left to be done


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "s3://nobodys-bucket/runs"], "no such bucket"),
        (["--out", "s3://"], "s3://: names no folder"),
        (["--out", "s3://{bucket}/../runs"], "names no folder"),
        (["--out", "ftq://host/runs"], "ftq"),
        (["--resume", "s3://{bucket}/nothing"], "no run folder"),
    ],
)
def test_wrong_places_are_one_line_before_the_work(
    bucket: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [word.format(bucket=bucket) for word in words]
    assert main([*(RUN if "--out" in asked else ["simulate"]), *asked]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error and len(error.splitlines()) == 1


def test_who_may_not_write_is_told_before_the_work(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _refuse(monkeypatch, PermissionError(13, "Access Denied"))
    assert main([*RUN, "--out", f"s3://{bucket}/runs"]) == 2
    assert f"s3://{bucket}/runs" in capsys.readouterr().err


class _FullServer(BaseHTTPRequestHandler):
    """A bucket that is there, empty, and has no room."""

    protocol_version = "HTTP/1.1"  # a client may ask first whether to go on

    def do_GET(self) -> None:
        self._answer(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")

    def do_HEAD(self) -> None:
        self._answer(404, "")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = "Storage backend has reached its minimum free drive threshold."
        self._answer(507, f"<Error><Code>XMinioStorageFull</Code><Message>{said}</Message></Error>")

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body.encode())


def test_a_full_bucket_is_told_before_the_work(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _FullServer) as full:
        threading.Thread(target=full.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{full.server_port}")
        monkeypatch.setattr(remote, "_WAITS_S", (60.0,))
        s3fs.S3FileSystem.clear_instance_cache()  # they keep the address that they first had
        assert main([*RUN, "--out", "s3://full/runs"]) == 2
        full.shutdown()
    s3fs.S3FileSystem.clear_instance_cache()
    error = capsys.readouterr().err.strip()
    assert "minimum free drive threshold" in error and len(error.splitlines()) == 1


def test_urls_are_folders_and_folders_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    at = f"{tmp_path}/.cache/bevdrive/mirror"
    for text, local in {
        "s3://bucket/runs/": f"{at}/s3/bucket/runs",
        "--out=gs://b/c": f"--out={at}/gs/b/c",
        "p3@s3://b/w,idm": f"p3@{at}/s3/b/w,idm",
        "runs/latest": "runs/latest",
    }.items():
        assert remote.localized(text) == local
        assert remote.named(local) == text.rstrip("/")
    assert remote.url_of(Path(f"{at}/s3/bucket/a/b")) == "s3://bucket/a/b"
    assert remote.url_of(tmp_path / "runs") is None
