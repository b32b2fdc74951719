"""The command as a user meets it: wrong input, help, the same bytes, resuming."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import yaml

from drive.cli.main import main
from eval.runs.folder import RunFolder

TINY = ["--count", "2", "--duration-s", "1", "--batch-size", "1", "--workers", "0", "--videos", "1"]
FAST = ["--planner", "constant_velocity,idm", "--families", "curve"]


def _run(tmp_path: Path, name: str, *more: str) -> int:
    return main(["simulate", *TINY, *FAST, "--out", str(tmp_path), "--name", name, *more])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to compare others with."""
    root = tmp_path_factory.mktemp("runs")
    assert _run(root, "whole") == 0
    return root / "whole"


def test_a_run_says_what_made_it(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = yaml.safe_load((whole / "made_by.yaml").read_text())
    assert told["packages"]["torch"] == torch.__version__
    head = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True).stdout.strip()
    assert commit.startswith(told["commit"].split("-")[0])
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bevdrive {told['bevdrive']} ({told['commit']})\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["simulate", "--families", "roundabot"], "did you mean roundabout?"),
        (["simulate", "--planner", "pdn"], "did you mean pdm?"),
        (["simulate", "--traffic", "idn"], "did you mean idm?"),
        (["simulate", "--source", "scenarionet"], "--path: source scenarionet needs"),
        (["simulate", "--source", "scenarionet", "--path", "nowhere"], "no such file or folder"),
        (
            ["simulate", "--preset", "nothing.yaml"],
            "--preset: nothing.yaml: no such file (presets by name: demo, ",
        ),
        (["simulate", "--count", "0"], "--count: must be at least 1"),
        (
            ["simulate", "--perception", "seen"],
            "--perception: unknown 'seen'; did you mean discovered? (choices: tracks, visible, ",
        ),
        (
            ["simulate", "--tags", "statonary"],
            "--tags: unknown 'statonary'; did you mean stationary?",
        ),
        (["simulate", "--not-tags=x"], "--not-tags: unknown 'x'"),
        (
            ["simulate", *TINY[:4], "--tags", "u_turn"],
            "--tags u_turn: none of 2 scenarios carries it",
        ),
        (["simulat"], "verb: unknown 'simulat'; did you mean simulate?"),
        (["--verison"], "did you mean --version?"),
        (
            ["simulate", "--preset", "demu"],
            "--preset: unknown 'demu'; did you mean demo? (choices: demo, ",
        ),
        (["simulate", "--scenario", "curve-0"], "--scenario: 'curve-0' is no id"),
        (["simulate", "--planner", "p3@nowhere"], "--planner p3@nowhere: nowhere: neither"),
        (["simulate", "--resume", "nowhere"], "--resume: nowhere: no run folder"),
    ],
)
def test_wrong_input_is_one_clear_line_and_exit_code_2(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_unknown_field_of_a_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("plannner: pdm\n")
    assert main(["simulate", "--preset", str(preset)]) == 2
    assert "did you mean planner?" in capsys.readouterr().err


def test_tags_and_perception_of_a_run(tmp_path: Path) -> None:
    assert _run(tmp_path, "seen", "--perception", "visible", "--not-tags", "stationary") == 0
    run = RunFolder(tmp_path / "seen")
    drives = run.read_tables().drives
    assert drives and all("stationary" not in drive.tags for drive in drives)
    assert run.config()["perception"] == "visible"
    known = {
        "bevdrive/success",
        "bevdrive/deadlock",
        "bevdrive/imposed_deceleration",
        "navsim/epdms",
    }
    assert all(known <= set(drive.metrics) for drive in drives)


def test_same_seed_same_bytes_and_resume(whole: Path, tmp_path: Path) -> None:
    assert (whole.parent / "latest").resolve() == whole.resolve()
    for made in ("report.html", "per_scenario.parquet", "config.yaml"):
        assert (whole / made).stat().st_size > 0
    assert len(list((whole / "videos").glob("*.mp4"))) == 2
    truth = (whole / "metrics.json").read_bytes()
    assert _run(tmp_path, "again") == 0
    assert (tmp_path / "again" / "metrics.json").read_bytes() == truth
    # A run that was killed after its first batch.
    (tmp_path / "again" / "metrics.json").unlink()
    (tmp_path / "again" / "batches" / "00001.json").unlink()
    shutil.rmtree(tmp_path / "again" / "videos")
    (tmp_path / "again" / "videos").mkdir()
    assert main(["simulate", "--resume", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "metrics.json").read_bytes() == truth
    log = (tmp_path / "again" / "log.txt").read_text()
    assert (
        log.count("  bevdrive simulate --count 2") == log.count("  bevdrive simulate --resume") == 1
    )


def test_one_scenario_of_a_run_alone_scores_the_same(whole: Path, tmp_path: Path) -> None:
    name = "curve-val-0-000001"
    few = ["--planner", "constant_velocity,idm", "--duration-s", "1", "--workers", "0"]
    words = [*few, "--videos", "0", "--out", str(tmp_path)]
    assert main(["simulate", *words, "--name", "one", "--scenario", name]) == 0
    assert _run(tmp_path, "rest", "--videos", "0", "--exclude", "curve-val-0-000000") == 0
    both, one, rest = (
        RunFolder.open(run).read_tables().drives
        for run in (whole, tmp_path / "one", tmp_path / "rest")
    )
    wanted = [(d.planner, d.metrics) for d in both if d.scenario_id == name]
    assert len(both) == 4 and len(wanted) == 2
    assert wanted == [(d.planner, d.metrics) for d in one] == [(d.planner, d.metrics) for d in rest]


def test_options_of_a_preset_are_those_of_the_command_line(tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        "scenario: [curve-val-0-000001, curve-val-0-000003]\nexclude: curve-val-0-000003\n"
        "duration_s: 1\nreplan: 0.5\nplanner: idm\nvideos: 0\n"
    )
    words = ["--preset", str(preset), "--out", str(tmp_path), "--name", "run", "--workers", "0"]
    assert main(["simulate", *words]) == 0
    run = RunFolder.open(tmp_path / "run")
    assert [d.scenario_id for d in run.read_tables().drives] == ["curve-val-0-000001"]
    assert run.config()["replan"] == 0.5 and run.config()["exclude"] == ["curve-val-0-000003"]


def test_existing_run_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    assert _run(tmp_path, "mine") == 2
    assert "exists already" in capsys.readouterr().err


def test_one_bad_scenario_in_a_folder_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.real_scenes import FILES

    if not FILES:
        pytest.skip("real data not found")
    folder = tmp_path / "scenes"
    folder.mkdir()
    shutil.copy(FILES[2], folder / "good.pkl")
    (folder / "bad.pkl").write_bytes(FILES[2].read_bytes()[:1000])
    words = [
        "simulate",
        "--source",
        "scenarionet",
        "--path",
        str(folder),
        "--out",
        str(tmp_path / "runs"),
    ]
    words += [
        "--planner",
        "log_replay",
        "--traffic",
        "log",
        "--workers",
        "0",
        "--videos",
        "0",
        "--name",
        "x",
    ]
    assert main(words) == 1
    assert "1 scenarios could not be used" in capsys.readouterr().err
    page = (tmp_path / "runs" / "x" / "report.html").read_text()
    assert "bad.pkl: not a whole pickle" in page


@pytest.mark.parametrize("name", ["../outside", "latest", "."])
def test_a_name_cannot_leave_the_folder_of_runs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "runs"
    assert main(["simulate", *TINY, *FAST, "--out", str(root), "--name", name]) == 2
    assert "cannot name a run folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_where_no_scenario_can_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.pkl").write_bytes(b"not a pickle")
    words = ["simulate", "--source", "scenarionet", "--path", str(tmp_path)]
    assert main([*words, "--out", str(tmp_path / "runs")]) == 2
    assert "0 of 1 scenarios can be used" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_resume_refuses_other_scenarios_than_it_began_with(tmp_path: Path) -> None:
    from eval.runs.folder import RunFolder

    folder = RunFolder.create(tmp_path, "run", {})
    folder.hold_to(["a", "b"])
    folder.hold_to(["a", "b"])
    with pytest.raises(ValueError, match="now holds other scenarios"):
        folder.hold_to(["a", "c"])


def test_a_preset_value_of_the_wrong_type_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("count: many\n")
    assert main(["simulate", "--preset", str(preset)]) == 2
    assert "mine.yaml: count: expected int or nothing, got 'many'" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_simulate_on_a_gpu(tmp_path: Path) -> None:
    assert _run(tmp_path, "gpu", "--device", "cuda", "--replan", "0.5") == 0
    assert len(RunFolder.open(tmp_path / "gpu").read_tables().drives) == 4
