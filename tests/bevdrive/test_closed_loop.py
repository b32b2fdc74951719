"""`bevdrive.simulate` from Python: the command line's figures, planners of every form, what goes wrong."""

import runpy
from pathlib import Path

import pandas
import pytest
import torch

import bevdrive
from bevdrive.results import Results
from bevdrive.scenarios import Scenarios
from drive.cli.main import main
from drive.pipelines.simulate_config import SimulateConfig
from drive.planning.constant_velocity import ConstantVelocity
from eval.runs.folder import RunFolder
from sim.scenario_file import save_scenario
from tests.toy import Car, make_scenario, straight

EXAMPLE = Path(__file__).parents[2] / "examples" / "score_my_planner.py"


class HoldSpeed(ConstantVelocity):
    """Counts how often it is told that a drive begins."""

    def __init__(self) -> None:
        self.worlds: list[int] = []

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        self.worlds.append(num_worlds)


class Broken:
    def plan(self, observation: bevdrive.Observation) -> bevdrive.Plan:
        raise ArithmeticError("it does not add up")


def _toys(count: int) -> list[bevdrive.Scenario]:
    """A second each, on a straight road."""
    roads = [straight(-50.0, 0.0, 150.0, 0.0)]
    return [
        bevdrive.Scenario(
            **vars(make_scenario(roads, [Car(0, 0.0, 0.0, 0.0, 5.0 + k)], 1.0, scenario_id=f"t{k}"))
        )
        for k in range(count)
    ]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Scenarios:
    folder = tmp_path_factory.mktemp("saved")
    for k, scenario in enumerate(_toys(2)):
        save_scenario(scenario, folder / f"{k}.scenario")
    return bevdrive.load(source="saved", path=folder)


@pytest.fixture(scope="module")
def results(saved: Scenarios) -> Results:
    return bevdrive.simulate(saved, [HoldSpeed(), "idm"], videos=1)


@pytest.fixture(scope="module")
def commanded(saved: Scenarios, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by the command line, where HoldSpeed is called by its twin's name."""
    root = tmp_path_factory.mktemp("runs")
    words = ["--source", "saved", "--path", str(saved.query.path), "--videos", "1"]
    planner = ["--planner", "constant_velocity,idm", "--workers", "0"]
    assert main(["simulate", *words, *planner, "--out", str(root), "--name", "whole"]) == 0
    return root / "whole"


def _renamed(table: pandas.DataFrame) -> pandas.DataFrame:
    same = table.replace({"planner": {"constant_velocity": "HoldSpeed"}})
    return same.sort_values(["planner", "index"], ignore_index=True)


def test_the_figures_are_those_of_the_command_line(results: Results, commanded: Path) -> None:
    theirs = pandas.read_parquet(commanded / "per_scenario.parquet")
    assert len(theirs) == 4 and "nuplan/score" in theirs
    pandas.testing.assert_frame_equal(_renamed(results.table()), _renamed(theirs), check_exact=True)


def test_scenarios_in_memory_give_the_same(saved: Scenarios, results: Results) -> None:
    again = bevdrive.simulate(list(saved), [HoldSpeed, "idm"])
    pandas.testing.assert_frame_equal(again.table(), results.table(), check_exact=True)


def test_what_is_saved_is_a_run_folder_of_the_command_line(
    results: Results, commanded: Path, tmp_path: Path
) -> None:
    shown = bevdrive.simulate(_toys(1), "idm", videos=0)
    page = shown.report()
    assert "t0" in page.read_text()
    del shown
    assert not page.exists()  # it went with the results

    path = results.save(tmp_path / "mine")
    theirs, mine = (
        sorted(p.relative_to(root).as_posix().replace("constant_velocity", "HoldSpeed")
               for root in [folder] for p in root.rglob("*") if p.is_file())
        for folder in (commanded, path)
    )  # fmt: skip
    theirs.remove("log.txt")  # of a command line
    assert mine == theirs
    assert (tmp_path / "latest").resolve() == path
    config = RunFolder.open(path).config()
    assert config["planner"] == ["HoldSpeed", "idm"] and config["source"] == "saved"
    assert results.report() == path / "report.html"
    assert results.table()["planner"].tolist() == ["HoldSpeed"] * 2 + ["idm"] * 2
    with pytest.raises(bevdrive.InputError, match="mine: exists already"):
        results.save(tmp_path / "mine")


def test_means_are_the_printed_table(results: Results) -> None:
    table, means = results.table(), results.means()
    wanted = table[table.planner == "idm"]["nuplan/score"].mean()
    assert means.loc["idm", "score"] == pytest.approx(wanted, abs=1e-5)
    assert repr(results).splitlines()[2].split()[:3] == ["idm", "2", f"{wanted:.3f}"]


def test_an_object_drives_all_batches_and_two_of_a_class_are_told_apart() -> None:
    first, second = HoldSpeed(), HoldSpeed()
    results = bevdrive.simulate(_toys(3), (first, second), batch_size=2)
    assert first.worlds == second.worlds == [2, 1]
    assert results.means().index.tolist() == ["HoldSpeed", "HoldSpeed-2"]
    assert results.table()["scenario_id"].tolist() == ["t0", "t1", "t2"] * 2


def test_what_a_planner_raises_is_told_and_the_others_go_on() -> None:
    with pytest.warns(UserWarning, match=r"Broken, 1 scenarios: ArithmeticError: it does not add"):
        results = bevdrive.simulate(_toys(1)[0], [Broken, "idm"])
    assert results.table()["planner"].tolist() == ["idm"]
    (note,) = results.errors
    assert note.planner == "Broken" and 'raise ArithmeticError("it does' in note.traceback
    assert "error: Broken, 1 scenarios" in repr(results)


def test_threads_are_as_before() -> None:
    torch.set_num_threads(2)
    bevdrive.simulate(_toys(1), "constant_velocity")
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"planner": "pdn"}, "did you mean pdm?"),
        ({"planner": object()}, "--planner object: class object has no method plan(observation)"),
        ({"planner": HoldSpeed, "workers": 2}, "workers: HoldSpeed: only a planner with a name"),
        ({"planner": HoldSpeed(), "cluster": "ray"}, "HoldSpeed: only a planner with a name"),
        ({"trafic": "log"}, "simulate: option: unknown 'trafic'; did you mean traffic?"),
        ({"families": ["curve"]}, "simulate: option: unknown 'families'"),
        ({"replan_s": 0.0}, "--replan: must be above 0"),
        ({"batch_size": "16"}, "simulate: batch_size: expected int or nothing, got '16'"),
    ],
)
def test_wrong_arguments_are_one_clear_line(options: dict, message: str) -> None:
    with pytest.raises(bevdrive.InputError) as raised:
        bevdrive.simulate(_toys(1), **options)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_of_a_benchmark_the_ego_knows_what_it_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the command line, where that follows from --benchmark."""
    asked: list[SimulateConfig] = []

    def stop(config: SimulateConfig, *_: object) -> None:
        asked.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr("drive.pipelines.simulate.drive_scenarios", stop)
    scenarios = bevdrive.load(benchmark="interactive", count=4)
    for given in (scenarios, scenarios[1:]):
        with pytest.raises(KeyboardInterrupt):
            bevdrive.simulate(given, replan_s=1.0)
    for config in asked:
        assert config.benchmark and config.benchmark.startswith("interactive@")
        assert config.perception == "visible" and config.replan == 1.0 and config.workers == 0


def test_the_example_scores_its_planner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.strip() for line in EXAMPLE.read_text().splitlines()]
    assert sum(not line.startswith('"""') for line in lines if line) == 8
    toys = _toys(2)
    monkeypatch.setattr("bevdrive.generate", lambda *_, **__: toys, raising=False)
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    same = bevdrive.simulate(toys, "constant_velocity").means().loc["constant_velocity"]
    assert rows["HoldSpeed"] == ["2", *(f"{value:.3f}" for value in same[1:])]
    assert "idm" in rows
