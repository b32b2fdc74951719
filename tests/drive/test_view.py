"""`bevdrive view`: what it can be pointed at, and wrong input."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drive.cli.main import main
from drive.pipelines.view import ViewTarget, find_viewed_scene
from eval.runs.drive_record import DriveRecord
from eval.runs.folder import RunFolder
from eval.view.lidar_points import RecordedPoints, SimulatedPoints, SingleSweep
from sim.scenario_file import load_scenario
from tests.conftest import SHARED_DATA, needs_shared_data
from tests.sim.sources import nuscenes_dataset

AV2 = SHARED_DATA / "av2"
KITTI = SHARED_DATA / "kitti_object" / "velodyne" / "000000.bin"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    words = "--families curve,crosswalk --count 2 --duration-s 2 --workers 0 --videos 0 --name r"
    planners = "--planner constant_velocity,pdm"
    assert main(["simulate", *words.split(), *planners.split(), "--out", str(out)]) == 0
    return out / "r"


def _ids(run: Path) -> list[str]:
    rows = RunFolder.open(run).read_batches().drives
    return list(dict.fromkeys(row.scenario_id for row in rows))


def test_a_drive_of_a_run_is_shown_as_it_was_driven(run: Path) -> None:
    name = _ids(run)[1]
    scene = find_viewed_scene(ViewTarget(path=run, scenario=(name,), planner="pdm"))
    drive = DriveRecord.load(run / "drives" / "pdm" / "000001.npz")
    assert scene.scenario.scenario_id == name and scene.title == f"pdm: {name}"
    assert np.array_equal(scene.motion.pose, drive.pose)
    assert isinstance(scene.points, SimulatedPoints)
    half = 0.5 * scene.scenario.tracks.size_m[:, 2]
    assert scene.motion.z_m[0] == pytest.approx(half)  # the ground of generated scenes is flat
    # PDM shows 15 candidates and what it expects of everyone else; constant velocity nothing.
    agents = scene.scenario.num_agents
    assert drive.candidates is not None and drive.candidates.shape == (21, 15, 8, 2)
    assert drive.forecast is not None and drive.forecast.shape == (21, agents - 1, 1, 8, 2)
    other = find_viewed_scene(ViewTarget(path=run, scenario=(name,))).thoughts
    assert other is not None and other.at(5).layers() == {"plan"}


def test_a_drive_that_fails_is_shown_from_there(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "failed"
    shutil.copytree(run, copy)
    path = copy / "drives" / "pdm" / "000001.npz"
    target = ViewTarget(path=copy, scenario=(_ids(run)[1],), planner="pdm")
    drive = DriveRecord.load(path)
    curves = {key: curve.copy() for key, curve in drive.curves.items()}
    curves["nuplan/comfort"][4:], curves["nuplan/no_at_fault_collision"][13:] = 0.0, 0.0
    replace(drive, curves=curves).save(path)
    assert find_viewed_scene(target).first_instant == 13  # the collision, not the jerk before it
    assert find_viewed_scene(replace(target, path=run)).first_instant == 0


def test_what_pdm_expected_is_constant_velocity(run: Path) -> None:
    drive = DriveRecord.load(run / "drives" / "pdm" / "000000.npz")
    assert drive.forecast is not None
    assert drive.forecast_probability is not None
    seen = np.flatnonzero(drive.forecast_probability[10, :, 0] > 0)
    ego = drive.pose[10, 0].astype(float)
    turn = np.array(((np.cos(ego[2]), -np.sin(ego[2])), (np.sin(ego[2]), np.cos(ego[2]))))
    for other in seen[:5]:
        inside = drive.forecast[10, other, 0].astype(float)
        path = inside @ turn.T + ego[:2]
        now, before = drive.pose[10, other + 1, :2], drive.pose[9, other + 1, :2]
        velocity = (now - before) / drive.dt_s
        # The last 0.1 s tell the velocity to about 0.3 m/s, half precision the place to 6 cm.
        assert path[1] == pytest.approx(now + velocity, abs=0.6)


def test_saved_scenarios_and_generated_ones(run: Path, tmp_path: Path) -> None:
    saved = run / "scenarios" / "000000.scenario"
    scene = find_viewed_scene(ViewTarget(path=saved))
    scenario = load_scenario(saved)
    assert scene.thoughts is None and scene.num_instants == scenario.num_instants
    assert scene.motion.pose[5, 2, :2] == pytest.approx(scenario.tracks.position_m[2, 5, :2])
    assert find_viewed_scene(
        ViewTarget(path=run / "scenarios", scenario=("000001",))
    ).title.startswith("crosswalk")
    short = ViewTarget(families=("straight",), seed=1, duration_s=1.0)
    again = [find_viewed_scene(short).title for _ in range(2)]
    assert again[0] == again[1] and again[0].startswith("straight")


def test_a_scene_and_a_sample_of_nuscenes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = nuscenes_dataset.write(tmp_path / "data")
    where = {"dataroot": written.dataset.dataroot, "version": nuscenes_dataset.VERSION}
    cache = tmp_path / "cache"
    scenes = {row["token"]: row["name"] for row in written.dataset.read_table("scene")}
    sample = written.dataset.read_table("sample")[3]
    scene = find_viewed_scene(ViewTarget(**where, cache=cache, sample=sample["token"]))
    assert scene.title == scenes[sample["scene_token"]]
    assert scene.first_instant == 15  # the fourth key frame at 2 Hz
    assert isinstance(scene.points, RecordedPoints)
    cloud = scene.points.at(15)
    assert cloud is not None and (cloud.agent > 0).any()
    names = list(scenes.values())
    assert (
        find_viewed_scene(ViewTarget(**where, cache=cache, scenario=(names[1],))).title == names[1]
    )
    with pytest.raises(ValueError, match=f"did you mean {names[1]}"):
        find_viewed_scene(ViewTarget(**where, cache=cache, scenario=(names[1] + "x",)))
    with pytest.raises(ValueError, match=r"sample.json has no token 'abc'"):
        find_viewed_scene(ViewTarget(**where, cache=cache, sample="abc"))
    # A sweep that is not whole is found when it is drawn: one line, and no film.
    for sweep in written.dataset.dataroot.glob("s*/LIDAR_TOP/*.pcd.bin"):
        sweep.write_bytes(sweep.read_bytes()[:999])
    words = ["--dataroot", where["dataroot"], "--version", where["version"], "--cache", cache]
    film = tmp_path / "never.mp4"
    assert main(["view", *map(str, words), "--out", str(film), "--size", "320x180"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert ".pcd.bin: 999 bytes are not a whole number of points" in line
    assert not list(tmp_path.glob("*never*"))


@needs_shared_data
def test_logs_and_sweeps() -> None:
    names = [path.name for path in AV2.iterdir() if path.is_dir()]
    with pytest.raises(ValueError, match="--scenario: name one of"):
        find_viewed_scene(ViewTarget(path=AV2))
    real = find_viewed_scene(
        ViewTarget(path=AV2, scenario=(next(n for n in names if n.startswith("adcf")),))
    )
    assert (
        isinstance(real.points, RecordedPoints) and real.points.at(real.first_instant) is not None
    )
    without = find_viewed_scene(
        ViewTarget(path=AV2, scenario=(next(n for n in names if n.startswith("3bff")),))
    )
    assert isinstance(without.points, SimulatedPoints)
    sweep = find_viewed_scene(ViewTarget(path=KITTI))
    assert isinstance(sweep.points, SingleSweep) and sweep.num_instants == 1
    pickles = SHARED_DATA / "nuscenes_mini_scenarionet"
    assert (
        find_viewed_scene(ViewTarget(path=pickles, scenario=("scene-0757",))).title == "scene-0757"
    )


def _fails(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["view", *words, "--out", "never.png"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and not Path("never.png").exists()
    return line


def test_wrong_input_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = _ids(run)[0]
    line = _fails([str(run), "--scenario", name + "7"], capsys)
    assert f"did you mean {name}?" in line
    assert "did you mean pdm?" in _fails([str(run), "--planner", "pdn"], capsys)
    assert "is not between 0 and 2.0 s" in _fails([str(run), "--time", "9"], capsys)
    assert "nowhere: no such file" in _fails(["nowhere"], capsys)
    assert "960x540" in _fails(["--size", "12"], capsys)
    (tmp_path / "notes.txt").write_text("hello")
    assert "notes.txt: no scenario in it" in _fails(["notes.txt"], capsys)
    (tmp_path / "empty").mkdir()
    assert "nor a lidar sweep (" in _fails(["empty"], capsys)
    assert "no version" in _fails(["--dataroot", "empty"], capsys)
    assert main(["view", "--out", "film.avi"]) == 2
    assert ".png or .mp4" in capsys.readouterr().err
    assert main(["view", "--web", "--out", "film.mp4"]) == 2
    assert "ending in .html" in capsys.readouterr().err


def test_runs_without_drives_and_damaged_ones(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    drive = copy / "drives" / "constant_velocity" / "000000.npz"
    drive.write_bytes(drive.read_bytes()[:1000])
    assert f"{drive}: not whole" in _fails([str(copy)], capsys)
    drive.unlink()
    assert f"{drive}: no such drive" in _fails([str(copy)], capsys)
    shutil.rmtree(copy / "drives")
    assert "no drives in this run folder" in _fails([str(copy)], capsys)


@needs_shared_data
def test_truncated_sweeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cut.bin", "cut.pcd.bin", "cut.feather"):
        Path(name).write_bytes(KITTI.read_bytes()[:1001])
        assert f"{name}: " in _fails([name], capsys)
