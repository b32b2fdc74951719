"""An export that was killed goes on to the same bytes; a folder of something else is left alone."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.export.nuscenes import export_scenes
from sim.export.nuscenes.settings import ExportSettings
from tests.sim.export.dataset import SMALL, SPLITS, VERSION, make_scenarios

SCENARIOS = make_scenarios(1.0)


class Killed(BaseException):
    """What no code catches."""


def write(out: Path, seed: int = 0, noise: bool = True) -> None:
    export_scenes(SCENARIOS, out, VERSION, SPLITS, seed=seed, noise=noise, lidar=SMALL)


def contents(out: Path) -> dict[str, str]:
    files = [path for path in out.rglob("*") if path.is_file()]
    return {str(f.relative_to(out)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("whole") / "data"
    write(out)
    return contents(out)


# Settings; 3 key frames and a part for each of two scenes; 2 CAN bus files, 4 cities and a picture;
# 13 tables, splits, scenarios: 31 in all.
@pytest.mark.parametrize("files_until_killed", [0, 1, 3, 4, 7, 9, 11, 13, 20, 30])
def test_killed_export_resumes_to_the_same_bytes(
    files_until_killed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: dict[str, str],
) -> None:
    out, done = tmp_path / "data", []
    write_bytes = Path.write_bytes

    def write_some(path: Path, content: bytes) -> int:
        if len(done) == files_until_killed:
            write_bytes(path, content[: len(content) // 2])
            raise Killed
        done.append(path)
        return write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_some)
        with pytest.raises(Killed):
            write(out)
    assert not (out / VERSION).exists()  # no tables: nothing that could be taken for a dataset
    write(out)
    assert contents(out) == whole


def test_scenes_that_are_done_are_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, str]
) -> None:
    out = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr("sim.export.nuscenes.assemble", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            write(out)
    monkeypatch.setattr("sim.export.nuscenes.write_scene", lambda *_: pytest.fail("again"))
    write(out)
    assert contents(out) == whole


def test_another_seed_gives_other_tokens_and_noise(tmp_path: Path, whole: dict[str, str]) -> None:
    write(tmp_path / "data", seed=1)
    other = contents(tmp_path / "data")
    scene = f"{VERSION}/scene.json"
    lidar = [name for name in whole if name.startswith("samples/")]
    assert other[scene] != whole[scene]
    assert len(lidar) == 6 and all(other[name] != whole[name] for name in lidar)


def test_folders_of_something_else_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"full: not empty, and no unfinished export"):
        write(full)
    assert [p.name for p in full.iterdir()] == ["notes.txt"]
    out = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr("sim.export.nuscenes.write_scene", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            write(out)
    with pytest.raises(ValueError, match=r"unfinished export with other settings \(noise, seed\)"):
        write(out, seed=5, noise=False)
    write(out)
    with pytest.raises(ValueError, match=r"data: not empty"):  # complete
        write(out)


def test_wrong_input_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "data"
    with pytest.raises(ValueError, match="splits: 3 scenes for 2 scenarios"):
        export_scenes(SCENARIOS, out, VERSION, {"a": 3})
    odd = [replace(s, dt_s=0.3) for s in SCENARIOS]
    with pytest.raises(ValueError, match=r"dt_s: 0.3 s has no step every 0.5 s"):
        export_scenes(odd, out, VERSION, SPLITS)
    tracks = replace(SCENARIOS[0].tracks, size_m=np.zeros_like(SCENARIOS[0].tracks.size_m))
    with pytest.raises(ValueError, match=r"tracks.size_m: agent .* is not positive"):
        export_scenes([replace(SCENARIOS[0], tracks=tracks)], out, VERSION, {"a": 1})
    for version in ("", "a/b", "samples"):
        with pytest.raises(ValueError, match="version: "):
            ExportSettings(version, SPLITS)
    with pytest.raises(ValueError, match="splits: no scene at all"):
        export_scenes([], out, VERSION, {"a": 0})
    assert not out.exists()
