"""A file is whole or as it was before, whatever happens while it is written."""

from pathlib import Path

import pytest

from sim.files import whole_file, write_whole


def test_the_file_is_there_when_the_block_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as scratch:
        scratch.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    write_whole(path, "\N{GREEK SMALL LETTER ALPHA}")
    assert path.read_bytes() == b"\xce\xb1"  # UTF-8
    write_whole(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert [found.name for found in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def stop_halfway() -> None:
        with whole_file(path) as scratch:
            scratch.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]
