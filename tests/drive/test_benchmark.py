"""`bevdrive benchmark` and `bevdrive simulate --benchmark`: what they print, state and refuse."""

import json

import pytest

from drive.cli.main import main
from sim import benchmarks
from sim.benchmarks import Benchmark, Entry, read_benchmark, write_benchmark
from sim.benchmarks.scores import Score, add_scores
from sim.scenario_file import digest
from sim.sources.procedural.source import draft_of
from sim.sources.query import ScenarioRef

NAME = "zipper-val-0-000000"


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "FOLDER", tmp_path)
    read_benchmark.cache_clear()
    scenario = draft_of(ScenarioRef("procedural", NAME, None, 1.0)).scenario
    made = Benchmark("small", 3, 1.0, (Entry(NAME, digest(scenario), 0.25, 0.9),))
    write_benchmark(made, {})
    yield made
    read_benchmark.cache_clear()


def test_list_and_show(made: Benchmark, capsys) -> None:
    assert main(["benchmark", "list"]) == 0
    assert f"small@3        1 scenarios of 1 families, hash {made.hash}" in capsys.readouterr().out
    assert main(["benchmark", "show", "small"]) == 0
    assert "zipper                         1         0.25          1       0.9 s" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["benchmark", "show", "smal"], "--benchmark: unknown 'smal'; did you mean small?"),
        (["simulate", "--benchmark", "small@2"], "no such version (choices: small@3)"),
        (["simulate", "--benchmark", "small", "--seed", "1"], "--seed: a benchmark's scenarios"),
        (["simulate", "--benchmark", "small", "--families", "jam"], "unknown 'jam' (choices: zip"),
        (
            ["simulate", "--benchmark", "small", "--source", "saved", "--path", "."],
            "--benchmark: not for --source saved",
        ),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    made: Benchmark, capsys, arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_run_states_name_version_and_hash(made: Benchmark, tmp_path) -> None:
    out = ["--out", str(tmp_path), "--name", "run", "--workers", "0", "--videos", "0"]
    assert main(["simulate", "--benchmark", "small", "--planner", "constant_velocity", *out]) == 0
    summary = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert summary["benchmark"] == {
        "name": "small", "version": 3, "hash": made.hash, "scenarios": 1
    }  # fmt: skip
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert "benchmark: small@3" in config and "perception: visible" in config
    assert made.hash in (tmp_path / "run" / "report.html").read_text()


def test_show_tells_who_was_scored_the_best_first(made: Benchmark, capsys) -> None:
    rows = [
        Score("slow", "idm", "visible", False, 0.25, 0.5, 0.4),
        Score("fast", "idm", "visible", False, 0.75, 0.6, 0.7),
        Score("seer", "idm", "all", True, 1.0, 0.9, 0.8),
    ]
    add_scores(made, rows[:2])
    add_scores(made, [rows[2], Score("slow", "idm", "visible", False, 0.5, 0.55, 0.45)])
    assert main(["benchmark", "show", "small"]) == 0
    told = capsys.readouterr().out.splitlines()[-3:]
    assert [line.split() for line in told] == [
        ["seer*", "idm", "1.000", "0.900", "0.800"],
        ["fast", "idm", "0.750", "0.600", "0.700"],
        ["slow", "idm", "0.500", "0.550", "0.450"],
    ]
