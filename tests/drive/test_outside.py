"""Planners, traffic, sources and metrics from outside: scored beside the built-in ones, or named."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drive.cli.main import main
from drive.pipelines.simulate_config import SimulateConfig, check
from eval.metrics.declaration import Metric
from eval.metrics.facts import Facts
from eval.metrics.family import MetricResult
from eval.rollout import Rollout
from sim.interface import Needs, Observation, Plan
from sim.scenario import Scenario
from sim.sources.query import ScenarioRef, SourceQuery
from sim.world import World, WorldState
from tests.toy import Car, make_scenario, straight

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "my_planner.py"
TINY = ["--families", "curve", "--count", "2", "--duration-s", "1", "--videos", "0"]

BROKEN = """
import sys
from pathlib import Path

import numpy as np
import torch

from sim.interface import Plan

class Works:
    def plan(self, observation):
        return self.broken(len(observation.ego.speed_mps), int(observation.step[0]))

    def broken(self, worlds, step):
        return Plan(torch.zeros(worlds, 8, 5), 0.5)

class RaisesWhenMade(Works):
    def __init__(self):
        raise RuntimeError("no weights")

class RaisesWhenReset(Works):
    def reset(self, num_worlds, device, generator):
        raise KeyError("state")

class RaisesLater(Works):
    def broken(self, worlds, step):
        return Plan(torch.zeros(worlds, 8, 5), 1 / (3 - step))

class Leaves(Works):
    def broken(self, worlds, step):
        sys.exit("enough")

class ReturnsNothing(Works):
    def broken(self, worlds, step):
        pass

class TooFewColumns(Works):
    def broken(self, worlds, step):
        return Plan(torch.zeros(worlds, 8, 3), 0.5)

class OneWorldOnly(Works):
    def broken(self, worlds, step):
        return Plan(torch.zeros(8, 5), 0.5)

class OtherBatch(Works):
    def broken(self, worlds, step):
        return Plan(torch.zeros(worlds + 1, 8, 5), 0.5)

class Doubles(Works):
    def broken(self, worlds, step):
        return Plan(torch.zeros(worlds, 8, 5).double(), 0.5)

class NotNumbers(Works):
    def broken(self, worlds, step):
        return Plan(torch.full((worlds, 8, 5), 0.0 if step < 2 else torch.nan), 0.5)

class Arrays(Works):
    def broken(self, worlds, step):
        return Plan(np.zeros((worlds, 8, 5), dtype=np.float32), 0.5)

class NoTime(Works):
    def broken(self, worlds, step):
        return Plan(torch.zeros(worlds, 8, 5), 0.0)

class BackInTime(Works):
    def broken(self, worlds, step):
        return Plan(torch.zeros(worlds, 8, 5), -0.1)

class BadCosts(Works):
    def broken(self, worlds, step):
        shown = torch.zeros(worlds, 4, 8, 3)
        return Plan(torch.zeros(worlds, 8, 5), 0.5, candidates=shown, costs=torch.zeros(4))
"""
SAID = {
    "RaisesWhenMade": "RuntimeError: no weights",
    "RaisesWhenReset": "KeyError: 'state'",
    "RaisesLater": "ZeroDivisionError: division by zero (RaisesLater, step 3)",
    "Leaves": "SystemExit: enough",
    "ReturnsNothing": "ReturnsNothing, step 0: plan: expected a sim.interface.Plan, got None",
    "TooFewColumns": "TooFewColumns, step 0: plan.trajectory: expected a float32 tensor [1, any, 5], "
    "got one of shape [1, 8, 3]",
    "OneWorldOnly": "got one of shape [8, 5]",
    "OtherBatch": "got one of shape [2, 8, 5]",
    "Doubles": "got float64",
    "NotNumbers": "NotNumbers, step 2: plan.trajectory: not finite at world 0, entry 0, column 0",
    "Arrays": "got a numpy.ndarray",
    "NoTime": "plan.dt_s: expected a positive number of seconds, got 0.0",
    "BackInTime": "plan.dt_s: expected a positive number of seconds, got -0.1",
    "BadCosts": "plan.costs: expected a float32 tensor [1, 4], got one of shape [4]",
}  # fmt: skip


def _bevdrive(*words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: without the checks that these tests put on every shape, and anew."""
    command = [sys.executable, "-m", "drive.cli.main", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _words(out: Path, name: str, *words: str, workers: int = 0) -> list[str]:
    """Of a simulation; each worker would import everything once more."""
    where = ["--out", str(out), "--name", name, "--workers", str(workers)]
    return ["simulate", *TINY, *where, *words]


def _metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_a_planner_in_a_file_is_scored_beside_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line.strip()]
    assert len(lines) <= 25
    mine = tmp_path / "mine.py"
    mine.write_text(EXAMPLE.read_text())
    assert main(_words(tmp_path, "run", "--planner", f"{mine}:TwoSecondRule,idm,pdm")) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    scores = {line[0]: float(line[2]) for line in told if line and line[1] == "2"}
    assert scores.keys() == {"TwoSecondRule", "idm", "pdm"} and scores["TwoSecondRule"] > 0.5
    assert _metrics(tmp_path / "run")["planners"].keys() == scores.keys()
    assert len(list((tmp_path / "run" / "drives" / "TwoSecondRule").glob("*.npz"))) == 2


def test_broken_planners_are_named_and_the_others_scores_complete(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(BROKEN)
    names = ["idm", *(f"{broken}:{name}" for name in SAID), f"{broken}:Works"]
    one_by_one = ["--batch-size", "1"]
    assert main(_words(tmp_path, "idm", "--planner", "idm", *one_by_one)) == 0
    done = _bevdrive(*_words(tmp_path, "all", "--planner", ",".join(names), *one_by_one, workers=1))
    assert done.returncode == 1, done.stderr
    found, whole = _metrics(tmp_path / "all"), _metrics(tmp_path / "idm")
    assert found["planners"].keys() == {"idm", "Works"}
    assert found["planners"]["idm"] == whole["planners"]["idm"]
    page = (tmp_path / "all" / "report.html").read_text()
    assert "errors" not in whole and 'aria-label="Errors"' in page
    assert 'aria-label="Errors"' not in (tmp_path / "idm" / "report.html").read_text()
    ids = [f"curve-val-0-{k:06d}" for k in range(2)]
    for name, said in SAID.items():
        notes = [note for note in found["errors"] if note["planner"] == name]
        assert [note["scenarios"] for note in notes] == [ids[:1], ids[1:]]
        assert all(said in note["reason"] and "\n" not in note["reason"] for note in notes)
        assert f"<b>{name}</b>" in page
        for note in notes:
            text = (tmp_path / "all" / note["traceback"]).read_text()
            assert text.startswith("Traceback") and said.partition(" (")[0] in text
    shown = done.stderr[done.stderr.index("error: ") :].splitlines()
    made = f"--planner {broken}:RaisesWhenMade: cannot be made: RuntimeError: no weights ({broken},"
    assert shown[0].startswith(f"error: RaisesWhenMade, 2 scenarios: {made}")
    assert f"--resume {tmp_path / 'all'}" in shown[-1]


def test_a_planner_that_was_mended_is_driven_again_on_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(BROKEN.replace("return Plan(torch.zeros(worlds, 8, 5), 0.5)", "boom"))
    assert main(_words(tmp_path, "run", "--planner", f"{mine}:Works")) == 1
    assert "NameError: name 'boom' is not defined" in capsys.readouterr().err
    assert _metrics(tmp_path / "run")["planners"] == {}
    assert "NameError" in (tmp_path / "run" / "report.html").read_text()
    mine.write_text(BROKEN)
    done = _bevdrive("simulate", "--resume", str(tmp_path / "run"), "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert _metrics(tmp_path / "run").keys() == {"perception", "planners", "skipped", "traffic"}
    assert not list((tmp_path / "run" / "errors").iterdir())


def test_a_privileged_planner_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that asks for the simulator's world, and log replay, which is told the recording."""
    mine = tmp_path / "mine.py"
    mine.write_text(
        BROKEN
        + "from sim.interface import Needs\n"
        + "class Sees(Works):\n    needs = Needs(privileged=True)\n"
    )
    planners = f"{mine}:Sees,{mine}:Works,log_replay"
    assert main(_words(tmp_path, "run", "--planner", planners, "--batch-size", "1")) == 0
    shown = capsys.readouterr().out
    told = [line.split()[:2] for line in shown.splitlines()[1:4]]
    assert sorted(told) == [["Sees", "*"], ["Works", "2"], ["log_replay", "*"]]
    assert "* privileged: " in shown
    assert _metrics(tmp_path / "run")["privileged"] == ["Sees", "log_replay"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert '"Sees *"' in page and '"Works"' in page and "* privileged: " in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--planner", "nowhere.py:P"], "--planner nowhere.py:P: nowhere.py: no such file"),
        (["--planner", "no_such_module:P"], "No module named 'no_such_module'"),
        (
            ["--planner", "mine.py:Tow"],
            "class: unknown 'Tow'; did you mean Two? (choices: One, Two)",
        ),
        (["--planner", "mine.py:Other"], "class Other has no method plan(observation)"),
        (["--planner", "mine.py:Needy"], "needs: expected a sim.interface.Needs, got a str"),
        (["--planner", "mine.py"], "--planner: unknown 'mine.py'"),
        (["--planner", "mine.py:One,mine.py:One"], "--planner: the same one twice"),
        (["--traffic", "mine.py:One"], "class One has no method act(world, state)"),
        (["--source", "mine.py:One"], "class One has no method find(query)"),
        (["--metric", "mine.py:One"], "class One has no method compute(rollout, facts)"),
        (
            ["--metric", "mine.py:Untold"],
            "metrics: expected a tuple of eval.metrics.declaration.Met",
        ),
        (["--device", "cuda:9"], "--device cuda:9: torch finds no such GPU here"),
        (["--device", "tpu"], "--device: unknown 'tpu' (choices: cpu, cuda"),
        (["--replan", "0"], "--replan: must be above 0, not 0.0"),
        (["--batch-size", "0"], "--batch-size: must be at least 1, not 0"),
    ],
)
def test_wrong_names_are_one_line_before_anything_runs(
    words: list[str], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "class One:\n    def plan(self, observation): ...\n"
        "class Two(One): ...\nclass Other: ...\nclass Needy(One):\n    needs = 'everything'\n"
        "Needy.__module__ = 'elsewhere'\nclass Untold:\n    def compute(self, rollout, facts): ...\n"
    )
    assert main(["simulate", *TINY, *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not Path("runs").exists()


class Asking:
    """A planner that says what it needs when it is made."""

    @property
    def needs(self) -> Needs:
        return Needs(history_s=1.0)

    def plan(self, observation: Observation) -> Plan: ...


def test_needs_may_be_told_by_the_planner_that_was_made() -> None:
    check(SimulateConfig(planner=(f"{__name__}:Asking",)))


class StandStill:
    """Traffic of somebody's: nobody moves."""

    def act(self, world: World, state: WorldState) -> WorldState:
        return replace(state, velocity_mps=torch.zeros_like(state.velocity_mps))


class TopSpeed:
    """A metric of somebody's."""

    metrics = (
        Metric("mine/top_speed", "Top speed", "this test", unit="m/s"),
        Metric("mine/nothing", "Nothing", "this test"),
    )

    def compute(self, rollout: Rollout, facts: Facts) -> Mapping[str, MetricResult]:
        speed = rollout.velocity_mps[:, :, 0].norm(dim=-1)
        top = MetricResult(speed.amax(dim=1), rollout.active[:, 0], speed)
        return {"mine/top_speed": top, "mine/nothing": replace(top, valid=~top.valid)}


class Forgetful(TopSpeed):
    """A metric that does not keep what it declares."""

    metrics = (Metric("mine/forgotten", "Forgotten", "this test"),)


class Road:
    """A source of somebody's: a car behind another, which drives on at 5 m/s."""

    def find(self, query: SourceQuery) -> list[ScenarioRef]:
        return [ScenarioRef(query.source, name, duration_s=2.0) for name in ("a", "b", "broken")]

    def load(self, ref: ScenarioRef) -> Scenario:
        if ref.name == "broken":
            raise RuntimeError("a bug of this source")
        cars = [Car(0, 0, 0, 0, 8.0), Car(0, 30, 0, 0, 5.0)]
        return make_scenario([straight(-20, 0, 100, 0)], cars, 2.0, scenario_id=ref.name)


def test_traffic_a_source_and_metrics_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--source", f"{__name__}:Road", "--traffic", f"{__name__}:StandStill"]
    words += ["--metric", f"{__name__}:TopSpeed,{__name__}:Forgetful", "--planner", "idm"]
    out = ["--out", str(tmp_path), "--name", "run", "--workers", "0", "--videos", "0"]
    assert main(["simulate", *words, *out]) == 1
    found = _metrics(tmp_path / "run")
    idm = found["planners"]["idm"]
    assert idm["scenarios"] == 2 and 8.0 <= idm["mean"]["mine/top_speed"] < 10.0
    assert "mine/nothing" not in idm["mean"] and idm["mean"]["nuplan/score"] >= 0.0
    source, metric = found["errors"]
    assert source["scenarios"] == ["broken"] and source["planner"] == ""
    assert source["reason"] == "RuntimeError: a bug of this source"
    assert metric["scenarios"] == ["a", "b"] and metric["planner"] == "idm"
    assert "Forgetful: metric 'mine/forgotten': its family returned no result" in metric["reason"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Top speed (m/s)" in page and "<b>every planner</b> RuntimeError" in page
    assert "every planner, 1 scenarios: RuntimeError" in capsys.readouterr().err
    from eval.runs.drive_record import DriveRecord

    record = DriveRecord.load(tmp_path / "run" / "drives" / "idm" / "000000.npz")
    # Nobody but the ego moves.
    assert (record.pose[:, 1] == record.pose[0, 1]).all()
    assert (record.pose[-1, 0] != record.pose[0, 0]).any()


def test_a_bug_shows_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(query: SourceQuery) -> list[ScenarioRef]:
        raise ValueError("too many values to unpack")

    monkeypatch.setattr("drive.pipelines.scenarios.find", broken)
    assert main(["simulate", *TINY]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Traceback") and "ValueError: too many values to unpack" in error
    assert (
        error.splitlines()[-1] == "bevdrive: this is a bug of bevdrive, not of what you asked for"
    )


def test_help_names_what_is_built_in_without_torch() -> None:
    from drive.planning import PLANNERS
    from sim.sources.procedural import FAMILIES
    from sim.sources.query import SOURCES
    from sim.traffic import TRAFFIC

    code = (
        "import sys, drive.cli.main as m\n"
        "try:\n    m.main(['simulate', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'numpy', 'drive.planning.pdm'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = " ".join(done.stdout.replace("│", " ").split())
    for names in (PLANNERS.builtin, TRAFFIC.builtin, SOURCES.builtin, FAMILIES):
        assert all(name in told for name in names)
