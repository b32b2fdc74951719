"""Classes by name: built in, installed, from modules and files; what is told of wrong names."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.registry import Registry

SAWS = Registry("--saw", "bevdrive.saws", ("cut(wood)",), {"hand": "fractions:Fraction"})

GOOD = """
from dataclasses import dataclass

@dataclass
class Saw:
    teeth: int = 24

    def cut(self, wood):
        return self.teeth

class Ruler: ...

class Big:
    def __init__(self, teeth):
        self.teeth = teeth
    def cut(self, wood): ...

def sharpen(): ...
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a few modules of somebody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "saws.py").write_text(GOOD)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "wrong.py").write_text("x = 1\ny = (\n")
    (tmp_path / "late.py").write_text("import nothing_of_the_kind\n")
    (tmp_path / "quits.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "saws.py").write_text(
        "from neighbour import TEETH\nclass Saw:\n    teeth = TEETH\n    def cut(self, wood): ...\n"
    )
    (tmp_path / "sub" / "neighbour.py").write_text("TEETH = 7\n")
    return tmp_path


def test_a_class_is_found_in_a_file_and_in_a_module(files: Path) -> None:
    assert SAWS.load("saws.py:Saw")().cut(None) == 24
    assert SAWS.load(f"{files}/sub/saws.py:Saw").teeth == 7  # with what lies beside it
    assert SAWS.load("saws.py:Saw") is SAWS.load("./saws.py:Saw")
    found = SAWS.load("saws:Saw")
    assert found().cut(None) == 24 and found.__module__ == "saws"
    assert "saws" in sys.modules and sys.modules.pop("saws")


def test_a_builtin_name_is_imported_when_it_is_asked_for() -> None:
    from fractions import Fraction

    assert SAWS.load("hand") is Fraction


def test_a_class_is_made_by_its_maker_if_it_has_one(files: Path) -> None:
    (files / "made.py").write_text(
        "class Saw:\n    def __init__(self, teeth):\n        self.teeth = teeth\n"
        "    @classmethod\n    def of(cls, wood):\n        return cls(2 * wood)\n"
        "    def cut(self, wood): ...\n"
    )
    makers = Registry("--saw", "bevdrive.saws", ("cut(wood)",), {}, maker="of")
    assert makers.make("made.py:Saw", 7).teeth == 14
    assert makers.make("saws.py:Saw", 7).teeth == 24
    with pytest.raises(InputError, match="missing a required argument: 'teeth'"):
        SAWS.make("made.py:Saw")


def test_entry_points_of_installed_packages(monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    installed = [
        EntryPoint("band", "saws:Saw", "bevdrive.saws"),
        EntryPoint("rusty", "late:Saw", "bevdrive.saws"),
    ]
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda group: installed if group == "bevdrive.saws" else [],
    )
    monkeypatch.syspath_prepend(files)
    assert SAWS.load("band")().cut(None) == 24
    with pytest.raises(InputError, match=r"--saw rusty \(late:Saw\): cannot be imported: Module"):
        SAWS.load("rusty")
    with pytest.raises(InputError, match=r"did you mean band\? \(choices: hand, band, rusty\)"):
        SAWS.load("bond")
    sys.modules.pop("saws")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hant", "--saw: unknown 'hant'; did you mean hand? (choices: hand)"),
        ("no.py:Saw", "--saw no.py:Saw: no.py: no such file"),
        ("no_such:Saw", "cannot be imported: ModuleNotFoundError: No module named 'no_such'"),
        ("late.py:Saw", "No module named 'nothing_of_the_kind'"),
        ("late.py:Saw", "late.py, line 1)"),
        (
            "wrong.py:Saw",
            "cannot be imported: SyntaxError: '(' was never closed (wrong.py, line 2)",
        ),
        ("quits.py:Saw", "cannot be imported: SystemExit: 3"),
        ("saws.py:Sow", "class: unknown 'Sow'; did you mean Saw? (choices: Saw, Big)"),
        ("empty.py:Saw", "no such class there (nor another with cut(wood))"),
        ("saws.py:Ruler", "class Ruler has no method cut(wood)"),
        ("saws.py:sharpen", "not a class but a function"),
        ("saws.py:Big", "cannot be made without arguments: missing a required argument: 'teeth'"),
        ("saws.py:", "expected module:Class or path/to/file.py:Class"),
        (":Saw", "expected module:Class or path/to/file.py:Class"),
    ],
)
def test_wrong_names_are_told_in_one_line(files: Path, name: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        SAWS.load(name)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_labels_are_class_names_told_apart() -> None:
    names = ["a.py:Saw", "hand", "b:Saw", "c.py:hand"]
    assert SAWS.labels(names) == {
        "a.py:Saw": "Saw", "hand": "hand", "b:Saw": "Saw-2", "c.py:hand": "hand-2",
    }  # fmt: skip


def test_what_a_program_lends_has_a_name_for_a_while() -> None:
    class Saw:
        def __init__(self, teeth: int = 24) -> None:
            self.teeth = teeth

        def cut(self, wood: object) -> int:
            return self.teeth

    mine = Saw(7)
    with SAWS.lent({"Saw": Saw, "mine": mine, "hand": mine}):
        assert SAWS.load("Saw") is SAWS.load("mine") is Saw
        assert SAWS.make("mine") is mine and SAWS.make("Saw").cut(None) == 24
        assert SAWS.make("Saw", teeth=3).cut(None) == 3
        assert SAWS.make("hand") is mine  # it hides what is built in
        assert SAWS.labels(["mine", "a:mine"]) == {"mine": "mine", "a:mine": "mine-2"}
        with pytest.raises(InputError, match="--saw mine: is made already: no teeth"):
            SAWS.make("mine", teeth=3)
        with SAWS.lent({"tree": object(), "Tree": object}):
            for name in ("tree", "Tree"):
                with pytest.raises(InputError, match=f"{name}: class object has no method cut"):
                    SAWS.load(name)
            with pytest.raises(InputError, match="unknown 'mine'"):
                SAWS.load("mine")
        assert SAWS.make("mine") is mine
    with pytest.raises(InputError, match="unknown 'mine'"):
        SAWS.load("mine")


LEARNED = """
class Saw:
    def __init__(self, weights="plain", oil=0):
        self.made = (weights, oil)
    def cut(self, wood): ...
"""


def test_weights_follow_an_at(files: Path) -> None:
    (files / "learned.py").write_text(LEARNED)
    assert SAWS.make("learned.py:Saw").made == ("plain", 0)
    assert SAWS.make("learned.py:Saw@runs/a", oil=2).made == ("runs/a", 2)
    assert SAWS.make("learned.py:Saw@runs/me@home").made == ("runs/me@home", 0)
    assert SAWS.load("learned.py:Saw@runs/a") is SAWS.load("learned.py:Saw")
    # An @ in the path of a file is part of it.
    (files / "me@home").mkdir()
    (files / "me@home" / "learned.py").write_text(LEARNED)
    assert SAWS.make("me@home/learned.py:Saw").made == ("plain", 0)
    assert SAWS.make("me@home/learned.py:Saw@b").made == ("b", 0)
    assert SAWS.labels(["me@home/learned.py:Saw", "a:Saw@runs/x", "b:Saw@y/x", "p@x/z"]) == {
        "me@home/learned.py:Saw": "Saw", "a:Saw@runs/x": "Saw@x", "b:Saw@y/x": "Saw@x-2",
        "p@x/z": "p@z",
    }  # fmt: skip


def test_weights_of_what_takes_none_are_refused(files: Path) -> None:
    (files / "made.py").write_text(
        f"{LEARNED}    @classmethod\n    def of(cls, wood):\n        return cls()\n"
    )
    makers = Registry("--saw", "bevdrive.saws", ("cut(wood)",), {}, maker="of")
    for registry, name in ((SAWS, "saws.py:Saw@x"), (SAWS, "hand@x"), (makers, "made.py:Saw@x")):
        with pytest.raises(InputError, match=f"--saw {name}: .* takes no weights"):
            registry.load(name)
    assert makers.make("made.py:Saw", 7).made == ("plain", 0)


def test_names_of_planners_and_traffic_cost_no_torch() -> None:
    code = (
        "import sys\nfrom drive.planning import PLANNERS\nfrom sim.traffic import TRAFFIC\n"
        "assert {'idm', 'pdm'} < PLANNERS.builtin.keys() and 'log' in TRAFFIC.builtin\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", ["planner", "traffic"])
def test_every_builtin_name_is_a_class_with_its_methods(kind: str) -> None:
    from drive.planning import PLANNERS
    from sim.traffic import TRAFFIC

    known = {"planner": PLANNERS, "traffic": TRAFFIC}[kind]
    for name in known.builtin:
        cls = known.load(name)
        assert all(hasattr(cls, method.partition("(")[0]) for method in known.methods)


def test_who_raises_when_it_is_made_is_told_where_and_what_is_built_in_is_a_bug(
    files: Path,
) -> None:
    (files / "dull.py").write_text(
        "class Saw:\n    def __init__(self):\n        raise OSError('no teeth')\n"
        "    def cut(self, wood): ...\n"
    )
    with pytest.raises(InputError) as caught:
        SAWS.make("dull.py:Saw")
    told = f"--saw dull.py:Saw: cannot be made: OSError: no teeth ({files}/dull.py, line 3)"
    assert str(caught.value) == told
    ours = Registry("--saw", "bevdrive.saws", ("cut(wood)",), {"dull": "dull:Saw"})
    with pytest.raises(OSError, match="no teeth"):
        ours.make("dull")
