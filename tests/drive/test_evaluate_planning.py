"""`bevdrive evaluate planning --planner`: open-loop figures where the answer is known."""

import json
from pathlib import Path

import pytest

from drive.cli.main import main
from sim.scenario_file import save_scenario
from tests.drive.scenes import toy_scenario


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everyone goes on at constant velocity; the car ahead at 6 m/s, 20 m before the ego's 10 m/s."""
    folder = tmp_path_factory.mktemp("scenes")
    save_scenario(toy_scenario(10.0, 9.0), folder / "toy.scenario")
    return folder


def _run(scenes: Path, out: Path, *words: str) -> int:
    return main(
        ["evaluate", "planning", "--source", "saved", "--path", str(scenes), "--out", str(out),
         "--name", "run", "--workers", "0", *words]
    )  # fmt: skip


def test_who_does_what_was_driven_is_as_far_from_it_as_nobody(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(scenes, tmp_path, "--planner", "constant_velocity,idm") == 0
    rows = json.loads((tmp_path / "run" / "metrics.json").read_text())["overall"]
    straight = rows["constant_velocity"]
    assert straight["L2_1s"] == pytest.approx(0.0, abs=0.02)
    # The gap of 20 m, less a car's length, is gone after about 4 s: by 3 s nobody is hit, by 5 s he is.
    assert straight["collides_3s"] == rows["recording"]["collides_3s"]
    assert straight["collides_5s"] == rows["recording"]["collides_5s"] > 0.0
    assert rows["idm"]["collides_5s"] < straight["collides_5s"]
    assert rows["idm"]["L2_5s"] > 1.0
    assert "Open-loop planning" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("planners", "told"),
    [
        ("pdm_foresight", "needs privileged, which open loop does not show"),
        ("idm,idm", "the same one twice"),
        ("nobody", "choices"),
    ],
)
def test_wrong_input_is_one_clear_line(
    planners: str, told: str, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(scenes, tmp_path, "--planner", planners) == 2
    assert told in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
