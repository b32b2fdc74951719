"""What a query finds, what it leaves out, and what it says to wrong input."""

from dataclasses import replace
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.scenario_file import save_scenario
from sim.sources.finding import find, source_of
from sim.sources.loading import load, load_one
from sim.sources.procedural import FAMILIES, generate
from sim.sources.query import SOURCES, ScenarioRef, SourceQuery
from tests.toy import Car, make_scenario, straight

NAMES = ("north/alpha-1", "north/alpha-2", "south/beta-12")


def _toy(name: str):
    scenario = make_scenario([straight(-20, 0, 60, 0)], [Car(0, 0, 0)], 1.0)
    return replace(scenario, scenario_id=name.rpartition("/")[2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three saved scenarios in two folders."""
    root = tmp_path_factory.mktemp("saved")
    for name in NAMES:
        path = root / f"{name}.scenario"
        path.parent.mkdir(exist_ok=True)
        save_scenario(_toy(name), path)
    return root


def _names(query: SourceQuery) -> list[str]:
    refs = find(query)
    assert [ref.index for ref in refs] == list(range(len(refs)))
    return [ref.name for ref in refs]


def test_generated_scenarios_are_called_as_they_will_be() -> None:
    query = SourceQuery(families=("curve", "merge"), seed=3, count=3, duration_s=1.0)
    assert _names(query) == ["curve-val-3-000000", "merge-val-3-000001", "curve-val-3-000002"]
    loaded, skipped = load(find(query))
    assert not skipped and [s.scenario_id for _, s in loaded] == _names(query)
    assert len(_names(SourceQuery())) == 32
    assert _names(SourceQuery(split="test"))[11] == f"{FAMILIES[11]}-test-0-000011"


def test_an_id_alone_gives_that_generated_scenario() -> None:
    """Number 5 of a list of two families, and the same by its id: the same to the bit."""
    there = generate(["curve", "merge"], 1, "train", 7, first=5, duration_s=2.0)[0]
    query = SourceQuery(scenario=("merge-train-7-000005",), duration_s=2.0)
    again = load_one(find(query)[0])
    assert again.scenario_id == there.scenario_id == "merge-train-7-000005"
    assert again.tracks.position_m.tobytes() == there.tracks.position_m.tobytes()


def test_filters_of_files(folder: Path) -> None:
    query = SourceQuery("saved", folder)
    full = [f"{name}.scenario" for name in NAMES]
    assert _names(query) == full
    for asked in ("north/alpha-2.scenario", "alpha-2", "ha-2"):  # name, id, the end of the id
        assert _names(replace(query, scenario=(asked,))) == [full[1]]
    assert _names(replace(query, scenario=("beta-12", "alpha-1"))) == [full[0], full[2]]
    assert _names(replace(query, exclude=("alpha-1",))) == full[1:]
    assert _names(replace(query, exclude=("alpha-1",), count=1)) == full[1:2]
    assert _names(replace(query, scenario=("alpha-1", "beta-12"), exclude=("beta-12",))) == full[:1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "savd"}, "--source: unknown 'savd'; did you mean saved?"),
        ({"path": None}, "--path: source saved needs a file or a folder"),
        ({"path": Path("nowhere")}, "nowhere: no such file or folder"),
        ({"scenario": ("alfa-1",)}, "did you mean alpha-1? (choices: alpha-1, alpha-2, beta-12)"),
        ({"scenario": ("2",)}, "--scenario: '2' fits 2 scenarios: north/alpha-2.scenario, south/b"),
        ({"exclude": ("gamma",)}, "--exclude: unknown 'gamma'"),
        ({"exclude": ("alpha-1", "alpha-2", "beta-12")}, "--exclude: leaves no scenario"),
        ({"families": ("curve",)}, "--families: not for --source saved"),
        ({"split": "val"}, "--split: not for --source saved"),
        ({"dataroot": Path()}, "--dataroot: not for --source saved"),
        ({"duration_s": 20.0}, "--duration-s: not for --source saved"),
        ({"count": 0}, "--count: must be at least 1, not 0"),
        ({"source": "procedural"}, "--path: not for --source procedural"),
        ({"source": "scenarionet"}, "no .pkl files in this folder: 0 scenarios matched"),
        ({"source": "argoverse2"}, "no Argoverse 2 log in this folder"),
        ({"source": "nuscenes", "path": None}, "--dataroot: source nuscenes needs"),
    ],
)
def test_wrong_queries(folder: Path, change: dict, message: str) -> None:
    with pytest.raises(InputError) as raised:
        find(replace(SourceQuery("saved", folder), **change))
    assert message in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"families": ("curv",)}, "--families: unknown 'curv'; did you mean curve?"),
        ({"split": "vall"}, "--split: unknown 'vall'; did you mean val?"),
        ({"scenario": ("curve-val-0",)}, "'curve-val-0' is no id of a generated scenario"),
        ({"scenario": ("curve-vl-0-1",)}, "split: unknown 'vl'; did you mean val?"),
        ({"scenario": ("curv-val-0-1",)}, "family: unknown 'curv'; did you mean curve?"),
        ({"exclude": ("curve-val-0-000099",)}, "--exclude: unknown"),
        ({"duration_s": float("nan")}, "--duration-s: must be at least 1"),
        ({"seed": -1}, "--seed: must be at least 0"),
    ],
)
def test_wrong_queries_of_the_generator(change: dict, message: str) -> None:
    with pytest.raises(InputError) as raised:
        find(replace(SourceQuery(), **change))
    assert message in str(raised.value)


def test_what_cannot_be_read_is_told(folder: Path, tmp_path: Path) -> None:
    whole = (folder / f"{NAMES[0]}.scenario").read_bytes()
    (tmp_path / "a.scenario").write_bytes(whole[:500])
    (tmp_path / "b.scenario").write_bytes(whole)
    loaded, skipped = load(find(SourceQuery("saved", tmp_path)))
    assert [ref.index for ref, _ in loaded] == [1]
    assert skipped[0]["scenario"] == "a.scenario" and "not a whole" in skipped[0]["reason"]


def test_what_a_path_holds(folder: Path, tmp_path: Path) -> None:
    assert source_of(folder) == source_of(folder / f"{NAMES[0]}.scenario") == "saved"
    (tmp_path / "x.pkl").touch()
    assert source_of(tmp_path) == source_of(tmp_path / "x.pkl") == "scenarionet"
    with pytest.raises(InputError, match="no scenario in it"):
        source_of(Path(__file__))


class Toys:
    """A source of somebody's."""

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        return [ScenarioRef(query.source, f"toy-{k}") for k in range(4)]

    def load(self, ref: ScenarioRef):
        scenario = _toy(ref.name)
        if ref.name == "toy-1":
            raise InputError("toy-1: lost")
        return replace(scenario, dt_s=-1.0) if ref.name == "toy-2" else scenario


def test_a_source_from_outside() -> None:
    query = SourceQuery(source=f"{__name__}:Toys", exclude=("toy-0",), split="mine")
    loaded, skipped = load(find(query))
    assert [(ref.index, scenario.scenario_id) for ref, scenario in loaded] == [(2, "toy-3")]
    assert [entry["reason"] for entry in skipped] == [
        "toy-1: lost", "toy-2: dt_s: -1.0 is not positive",
    ]  # fmt: skip


@pytest.mark.parametrize("name", SOURCES.builtin)
def test_every_builtin_source_knows_its_options(name: str) -> None:
    own = set(SOURCES.load(name).options)
    assert own < set(vars(SourceQuery())) and hasattr(SOURCES.load(name), "find")
