"""Source nuscenes: what was exported comes back, and how it behaves as a cache and with bad input."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
import torch

from drive.cli.main import main
from sim.geometry.box import points_in_boxes
from sim.scenario import EGO, AreaKind, Scenario
from sim.scenario_check import require_valid
from sim.sources.nuscenes import Dataset, convert, find_scenes, load_converted, sweeps
from tests.sim.sources.nuscenes_dataset import VERSION, Exported, damaged_copy, edit_table, write


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    torch.set_num_threads(1)
    return write(tmp_path_factory.mktemp("nuscenes") / "set")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def read_back(exported: Exported, cache: Path) -> list[Scenario]:
    files = [find_scenes(exported.dataset, split, cache)[0] for split in ("sim_train", "sim_val")]
    assert [file.name for file in convert(exported.dataset, files)] == [f.name for f in files]
    return [load_converted(file.path) for file in files]


def _shift_m(before: Scenario, after: Scenario) -> np.ndarray:
    """From the frame of `before` to that of `after`, plane."""
    return (after.tracks.position_m[EGO, 0] - before.tracks.position_m[EGO, 0])[:2]


def test_positions_and_headings_come_back(exported: Exported, read_back: list[Scenario]) -> None:
    for before, after in zip(exported.scenarios, read_back, strict=True):
        require_valid(after)
        old, new = before.tracks, after.tracks
        step = np.flatnonzero(after.keyframe)
        assert step.tolist() == list(range(0, after.num_instants, 5))
        ego = old.position_m[EGO, :, :2] + _shift_m(before, after) - new.position_m[EGO, :, :2]
        assert np.abs(ego).max() < 1e-3  # a pose each 0.1 s: not only at key frames
        assert np.abs(old.velocity_mps[EGO] - new.velocity_mps[EGO]).max() < 1e-3
        matched = 0
        for t in step:
            here = np.flatnonzero(old.valid[1:, t]) + 1
            there = np.flatnonzero(new.valid[1:, t]) + 1
            assert len(here) == len(there)
            place = old.position_m[here, t, :2] + _shift_m(before, after)
            gap = np.linalg.norm(place[:, None] - new.position_m[there, t, :2], axis=-1)
            twin = there[gap.argmin(axis=1)]
            assert len(set(twin)) == len(twin)
            assert gap.min(axis=1).max() < 1e-3
            turn = np.exp(1j * (old.yaw_rad[here, t] - new.yaw_rad[twin, t]))
            assert np.abs(np.angle(turn)).max() < 1e-4
            assert np.abs(old.size_m[here] - new.size_m[twin]).max() < 1e-4
            assert (old.kind[here] == new.kind[twin]).all()
            assert [old.category[n] for n in here] == [new.category[n] for n in twin]
            matched += len(here)
        assert matched > 10


def test_between_key_frames_it_is_near_the_recording(
    exported: Exported, read_back: list[Scenario]
) -> None:
    """Cubic between frames half a second apart: 3 m/s2 that begin midway make a few centimetres."""
    errors = []
    for before, after in zip(exported.scenarios, read_back, strict=True):
        place = before.tracks.position_m[..., :2] + _shift_m(before, after)
        for n in range(1, after.num_agents):
            valid = after.tracks.valid[n]
            if valid.sum() < 11:
                continue
            gap = np.linalg.norm(
                place[:, : len(valid)][:, valid] - after.tracks.position_m[n, valid, :2], axis=-1
            )
            errors.append(gap.max(axis=1).min())
    assert np.median(errors) < 0.02
    assert max(errors) < 0.2


def test_map_comes_back(exported: Exported, read_back: list[Scenario]) -> None:
    for before, after in zip(exported.scenarios, read_back, strict=True):
        shift = _shift_m(before, after)
        old, new = before.map, after.map
        # Another scene lies in the same city: compare what is the scene's own.
        twin = {}
        for k, lane in enumerate(old.lanes):
            line = shapely.LineString(lane.centerline_m + shift)
            gap = [line.hausdorff_distance(shapely.LineString(m.centerline_m)) for m in new.lanes]
            twin[k] = int(np.argmin(gap))
            assert min(gap) < 0.03
            found = new.lanes[twin[k]]
            assert found.kind == lane.kind
            one = shapely.Polygon(lane.polygon_m + shift)
            assert one.symmetric_difference(shapely.Polygon(found.polygon_m)).area < 0.01
            for side in ("left_boundary_m", "right_boundary_m"):
                drawn = shapely.LineString(getattr(lane, side) + shift)
                assert drawn.hausdorff_distance(shapely.LineString(getattr(found, side))) < 0.05
        for k, lane in enumerate(old.lanes):
            found = new.lanes[twin[k]]
            assert set(found.successors) == {twin[m] for m in lane.successors}
            assert set(found.predecessors) == {twin[m] for m in lane.predecessors}
        ground = shapely.union_all([shapely.Polygon(m.polygon_m + shift) for m in old.lanes])
        for kind in AreaKind:
            drawn, seen = _union(old, kind, shift), _union(new, kind, np.zeros(2))
            near = shapely.box(*shapely.union(ground, drawn).buffer(1.0).bounds)
            assert drawn.symmetric_difference(seen.intersection(near)).area < 0.1
        stops = [(stop.line_m.mean(0) + shift, stop.kind, stop.lanes) for stop in old.stop_lines]
        for middle, kind, lanes in stops:
            same = [s for s in new.stop_lines if set(s.lanes) == {twin[m] for m in lanes}]
            assert [s.kind for s in same] == [kind]
            assert np.abs(same[0].line_m.mean(0) - middle).max() < 0.01


def _union(lane_map, kind: AreaKind, shift: np.ndarray) -> shapely.Geometry:
    return shapely.union_all(
        [
            shapely.Polygon(a.exterior_m + shift, [hole + shift for hole in a.holes_m])
            for a in lane_map.areas
            if a.kind == kind
        ]
    )


def test_sweeps_lie_in_the_boxes(
    exported: Exported, read_back: list[Scenario], cache: Path
) -> None:
    """The points of a key frame's sweep, by its own pose, fall into the boxes that they came from."""
    dataset, scenario = exported.dataset, read_back[0]
    found = list(sweeps(dataset, find_scenes(dataset, "sim_train", cache)[0], scenario))
    assert len(found) == scenario.num_instants
    assert np.abs(np.diff([sweep.time_s for sweep in found]) - 0.1).max() < 1e-6
    assert [s.is_keyframe for s in found] == scenario.keyframe.tolist()
    last = found[-1]
    cloud = last.read()
    world = cloud.xyz_m @ last.world_SE3_ego[:3, :3].T + last.world_SE3_ego[:3, 3]
    tracks = scenario.tracks
    here = np.flatnonzero(tracks.valid[1:, -1]) + 1
    boxes = np.column_stack(
        (tracks.position_m[here, -1], tracks.size_m[here] + 0.02, tracks.yaw_rad[here, -1])
    )
    counted = points_in_boxes(
        torch.tensor(world, dtype=torch.float64), torch.tensor(boxes).double()
    )
    sample = json.loads((dataset.tables / "sample.json").read_text())
    token = next(row["token"] for row in sample if row["timestamp"] == last.time_us)
    rows = json.loads((dataset.tables / "sample_annotation.json").read_text())
    told = {
        row["instance_token"]: row["num_lidar_pts"] for row in rows if row["sample_token"] == token
    }
    truth = np.array([told[tracks.track_id[n]] for n in here])
    assert truth.sum() > 20
    assert (np.abs(counted.numpy() - truth) <= 2).all()


def test_second_start_needs_neither_devkit_nor_torch(
    exported: Exported, read_back: list[Scenario], cache: Path
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from sim.sources.nuscenes import Dataset, convert, find_scenes, load_converted\n"
        f"dataset = Dataset(Path({str(exported.dataset.dataroot)!r}), {VERSION!r})\n"
        f"files = find_scenes(dataset, 'sim_train', Path({str(cache)!r}))\n"
        "assert list(convert(dataset, files)) == []\n"
        "load_converted(files[0].path)\n"
        "assert 'nuscenes' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_changed_tables_are_converted_anew(exported: Exported, tmp_path: Path) -> None:
    dataset = damaged_copy(exported.dataset, tmp_path / "set")
    before = find_scenes(dataset, "sim_val", tmp_path / "cache")[0]
    before.write_reason("stale")
    edit_table(dataset, "sample", lambda rows: rows[0].update(note="changed"))
    after = find_scenes(dataset, "sim_val", tmp_path / "cache")[0]
    assert not after.is_converted
    assert not before.is_converted  # and nothing old is left


def test_planners_drive_on_it(exported: Exported, tmp_path: Path, cache: Path) -> None:
    words = ["simulate", "--source", "nuscenes", "--dataroot", str(exported.dataset.dataroot)]
    words += ["--version", VERSION, "--split", "sim_val", "--cache", str(cache)]
    words += ["--planner", "idm,pdm", "--workers", "0", "--videos", "0"]
    assert main([*words, "--out", str(tmp_path), "--name", "run"]) == 0
    table = (tmp_path / "run" / "metrics.json").read_text()
    assert json.loads(table)["planners"].keys() == {"idm", "pdm"}


def _wrong(dataset: Dataset, out: Path, **options: str) -> int:
    words = ["simulate", "--source", "nuscenes", "--workers", "0", "--out", str(out / "runs")]
    given = {"dataroot": str(dataset.dataroot), "version": VERSION, "split": "sim_val"} | options
    words += [w for name, value in given.items() for w in (f"--{name}", value)]
    code = main([*words, "--cache", str(out / "cache")])
    assert not (out / "runs").exists()
    return code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataroot": "/nowhere"}, "/nowhere: no such folder"),
        ({"version": "v1.0-sin"}, "did you mean v1.0-sim? (versions there: v1.0-sim)"),
        ({"split": "sim_vall"}, "did you mean sim_val? ("),
        ({"split": "mini_val"}, "scene.json: scene-0103 of split mini_val is not there (2 of"),
    ],
)
def test_wrong_names(
    options: dict[str, str],
    message: str,
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _wrong(exported.dataset, tmp_path, **options) == 2
    assert message in capsys.readouterr().err


def test_missing_tables_are_listed(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = damaged_copy(exported.dataset, tmp_path / "set")
    for name in ("log", "attribute"):
        (dataset.tables / f"{name}.json").unlink()
    assert _wrong(dataset, tmp_path) == 2
    assert "missing tables: attribute.json, log.json" in capsys.readouterr().err


def test_zero_size_names_the_annotation_before_anything_is_converted(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = damaged_copy(exported.dataset, tmp_path / "set")
    edit_table(dataset, "sample_annotation", lambda rows: rows[-1].update(size=[0.0, 4.0, 1.5]))
    rows = json.loads((dataset.tables / "sample_annotation.json").read_text())
    token, last = rows[-1]["token"], len(rows) - 1
    assert _wrong(dataset, tmp_path) == 2
    assert (
        f"{token} (number {last}): size: [0.0, 4.0, 1.5] is not three positive"
        in capsys.readouterr().err
    )
    assert not list((tmp_path / "cache").rglob("*.scenario"))


def test_missing_map_is_named(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = damaged_copy(exported.dataset, tmp_path / "set")
    for file in (dataset.dataroot / "maps" / "expansion").glob("*.json"):
        file.unlink()
    assert _wrong(dataset, tmp_path) == 2
    assert "no such file (map expansion" in capsys.readouterr().err


def test_attributes_come_back(exported: Exported, read_back: list[Scenario], cache: Path) -> None:
    dataset = exported.dataset
    side = find_scenes(dataset, "sim_train", cache)[0].read_side()
    table = {
        row["token"]: row for row in json.loads((dataset.tables / "attribute.json").read_text())
    }
    told = {(name, k): a for name, rows in side["attributes"].items() for k, a in rows}
    frames = {token: k for k, (token, _) in enumerate(side["samples"])}
    rows = json.loads((dataset.tables / "sample_annotation.json").read_text())
    truth = {
        (row["instance_token"], frames[row["sample_token"]]): table[row["attribute_tokens"][0]][
            "name"
        ]
        for row in rows
        if row["attribute_tokens"] and row["sample_token"] in frames
    }
    assert told == truth and truth


def test_damaged_table_is_named(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = damaged_copy(exported.dataset, tmp_path / "set")
    file = dataset.tables / "instance.json"
    file.write_text(file.read_text()[:-9])
    assert _wrong(dataset, tmp_path) == 2
    assert "instance.json: not JSON" in capsys.readouterr().err


def test_truncated_sweep_is_named(
    exported: Exported, read_back: list[Scenario], cache: Path, tmp_path: Path
) -> None:
    file = find_scenes(exported.dataset, "sim_train", cache)[0]
    sweep = next(sweeps(exported.dataset, file, read_back[0]))
    cut = tmp_path / sweep.path.relative_to(exported.dataset.dataroot)
    cut.parent.mkdir(parents=True)
    cut.write_bytes(sweep.path.read_bytes()[:-7])
    elsewhere = Dataset(tmp_path, VERSION)
    with pytest.raises(ValueError, match=cut.name):
        next(sweeps(elsewhere, file, read_back[0])).read()


@pytest.mark.parametrize(
    "edit",
    [
        lambda rows: rows[1].update(utime="x"),
        lambda rows: rows[1].pop("vel"),
        lambda rows: rows[1].update(rotation_rate=[0.0, 0.0]),
        lambda rows: rows[1].update(utime=0),
    ],
)
def test_damaged_can_bus_is_dropped_with_a_note(
    edit: Callable[[list], object], exported: Exported, tmp_path: Path
) -> None:
    dataset = damaged_copy(exported.dataset, tmp_path / "set")
    shutil.copytree(exported.dataset.dataroot / "can_bus", dataset.dataroot / "can_bus")
    file = find_scenes(dataset, "sim_val", tmp_path / "cache")[0]
    messages = dataset.dataroot / "can_bus" / f"{file.name}_pose.json"
    rows = json.loads(messages.read_text())
    edit(rows)
    messages.write_text(json.dumps(rows))
    list(convert(dataset, [file]))
    told = [note for note in load_converted(file.path).notes if "CAN bus" in note]
    assert len(told) == 1 and told[0].startswith("dropped") and messages.name in told[0]


def test_a_list_of_samples_that_comes_back_costs_its_scene_alone(
    exported: Exported, tmp_path: Path
) -> None:
    dataset = damaged_copy(exported.dataset, tmp_path / "set")
    edit_table(dataset, "sample", lambda rows: rows[1].update(next=rows[0]["token"]))
    files = [find_scenes(dataset, s, tmp_path / "cache")[0] for s in ("sim_train", "sim_val")]
    list(convert(dataset, files))
    with pytest.raises(ValueError, match=r"sample\.json: the list of samples comes back to"):
        load_converted(files[0].path)
    assert load_converted(files[1].path).num_instants > 1
