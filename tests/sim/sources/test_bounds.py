"""What a small file may ask for: readers look before they allocate; hidden files and links."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InputError
from sim.scenario_check.lane_map import require_count, require_lengths
from sim.scenario_check.tracks import require_lights, require_room
from sim.sources.clock import clock_of
from sim.sources.commonroad import read_scenario as read_commonroad
from sim.sources.files import walk
from sim.sources.unpickle import read_pickle
from sim.text_files import read_json, read_text, read_yaml
from tests.sim.sources.test_motion_and_commonroad import XML


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda: require_room(5_001, 2), "tracks: 5001 agents at 2 instants"),
        (lambda: require_room(1, 36_001), "tracks: 1 agents at 36001 instants"),
        (lambda: require_room(5_000, 4_001), "20000000 together"),
        (lambda: require_lights(1_000, 20_001), "lights: 1000 at 20001 instants"),
        (lambda: require_lengths([9e5, 2e5]), r"map\.lanes: 1100 km, at most 1000"),
        (lambda: require_count("lanes", 5_001), r"map\.lanes: 5001, at most 5000"),
    ],
)
def test_room_is_asked_for(ask, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ask()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<exact>10</exact>", "<exact>9999</exact>", "velocity: 9999 is beyond 150"),
        (">40<", ">19999<", "from step 0 to the goal are 19999 steps"),
        ("<x>1100</x>", "<x>90000</x>", "is not between -20000 and 20000"),
        ("<duration>3</duration>", "<duration>1000000</duration>", r"trafficLight 9\.duration"),
        ("<lanelet id", "<a>" * 200 + "<lanelet id", "more than 100 elements in one another"),
    ],
)
def test_numbers_of_commonroad_are_bounded(old: str, new: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(XML.replace(old, new))
    with pytest.raises(InputError, match=rf"a\.xml: .*{reason}"):
        read_commonroad(path)


def test_an_hour_of_instants_takes_no_square_of_them() -> None:
    clock = clock_of(0.1 * np.arange(36_000), "ts")
    assert clock.is_recorded.all()
    assert clock_of(np.array((0.0, 0.1, 0.2, 0.5, 0.6)), "ts").is_recorded.tolist() == [
        True, True, True, False, False, True, True,
    ]  # fmt: skip


def test_what_is_shared_counts_as_often_as_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    tree: list = [1.0] * 10
    for _ in range(20):
        tree = [tree, tree, tree]
    path.write_bytes(pickle.dumps(tree))  # 3^20 lists for whoever makes an array of it
    with pytest.raises(
        InputError, match=r"a\.pkl: refused: the pickle asks for more than 1024 MiB"
    ):
        read_pickle(path)
    tree = []
    tree.append(tree)
    path.write_bytes(pickle.dumps(tree))
    with pytest.raises(InputError, match="a container in itself"):
        read_pickle(path)


def test_linked_folders_are_walked_once_and_hidden_files_not(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.pkl").touch()
    (tmp_path / "data" / "._b.pkl").touch()
    (tmp_path / "data" / ".trash").mkdir()
    (tmp_path / "data" / ".trash" / "c.pkl").touch()
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "data")
    found = [path.relative_to(tmp_path / "data").as_posix() for path in walk(tmp_path / "data")]
    assert found == ["linked/a.pkl"]


def test_byte_order_marks_are_no_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_text(path) == "[1]" and read_json(path) == [1]
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path) == {"a": 1}
    path.write_bytes(b"\xff\xfea\0")
    with pytest.raises(InputError, match=r"a\.txt: not UTF-8: byte 0"):
        read_text(path)
