"""`bevdrive bench`: what it counts, what it writes, and that torch and numpy are enough for it."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from drive.bench import snapshot
from drive.bench.measure import measure
from drive.bench.run import prepare
from drive.bench.worlds import bench_simulator, crowd, repeat
from drive.cli.main import main
from sim.dynamics.bicycle import Controls
from sim.interface import Needs
from sim.sources.procedural import draft
from tests.conftest import needs_shared_data
from tests.real_scenes import FILES

# Everything but torch, numpy and what they import themselves.
_BARE = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name.partition('.')[0] in {names!r} else find(name, path, target)
)
from drive.bench.measure import measure
from drive.cli.bench import _from_pairs, time_all
measure.__defaults__ = (1,)  # repeats
sys.exit(time_all(_from_pairs(sys.argv[1:])))
"""
_ABSENT = [
    "jaxtyping", "scipy", "shapely", "tyro", "yaml", "pyarrow", "PIL", "tqdm", "safetensors",
    "imageio_ffmpeg", "gymnasium", "matplotlib", "open3d", "beartype",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _few_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is benched here takes two generated maps, not twelve."""
    monkeypatch.setattr("drive.bench.worlds.DISTINCT", 2)


@pytest.mark.parametrize("agents", [5, 40])
def test_crowd_has_exactly_so_many_apart_from_one_another(agents: int) -> None:
    scenario = crowd(draft("straight", seed=1), agents)
    assert scenario.num_agents == agents == scenario.tracks.valid[:, 0].sum()
    assert len(scenario.routes) == agents
    added = [k for k, name in enumerate(scenario.tracks.track_id) if name.startswith("added")]
    place = scenario.tracks.position_m[:, 0, :2]
    gaps = np.linalg.norm(place[added][:, None] - place[None], axis=-1)
    gaps[np.arange(len(added)), added] = np.inf
    assert (agents == 5) == (not added)
    assert gaps.min(initial=np.inf) > 9.9


def test_no_room_is_said() -> None:
    with pytest.raises(ValueError, match="room for"):
        crowd(draft("straight", seed=1), 5000)


def test_json_counts_agents_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drive.bench.run.measure", functools.partial(measure, repeats=1))
    out = tmp_path / "bench.json"
    words = [
        "bench",
        "step",
        "raster",
        "lidar",
        "--mode",
        "eager",
        "--worlds",
        "3",
        "--agents",
        "6",
    ]
    assert main([*words, "--out", str(out)]) == 0
    rows = {row["what"]: row for row in json.loads(out.read_text())}
    step = rows["step"]
    assert 0 < step["valid_agents"] <= 6
    # 20 steps of 3 worlds; how many agents are there in each is what the mean says.
    assert step["amount"] == pytest.approx(20 * 3 * step["valid_agents"])
    assert step["per_second"] == pytest.approx(step["amount"] / step["median_s"])
    assert rows["lidar"]["amount"] == 3 * 32 * 1080
    assert rows["raster"]["amount"] == 3
    assert {"cpu", "threads", "torch", "map_m", "moved_bytes"} <= step.keys()


@pytest.mark.parametrize(
    "words", [["fly"], ["--worlds", "0"], ["--mode", "graphed"], ["step", "--mode", "fast"]]
)
def test_wrong_words_exit_with_2(words: list[str]) -> None:
    assert main(["bench", *words]) == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "step", "--device", "cuda"]) == 2
    assert "no such GPU" in capsys.readouterr().err


def test_a_file_that_is_no_snapshot_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.npz").write_bytes(b"nothing")
    assert main(["bench", "step", "--prepared", str(tmp_path / "other.npz")]) == 2
    assert "other.npz" in capsys.readouterr().err


def test_snapshot_gives_the_same_worlds(tmp_path: Path) -> None:
    made = prepare("generated", 8, ("raster", "lidar", "observe"), "cpu")
    snapshot.save(tmp_path / "worlds.npz", made)
    made, again = repeat(made, 4), repeat(snapshot.load(tmp_path / "worlds.npz", "cpu"), 4)
    state, other = made.reset(), again.reset()
    still = Controls(torch.zeros(4), torch.zeros(4))
    for _ in range(5):
        state, other = made.step(state, still), again.step(other, still)
    seen, alike = made.observe(state), again.observe(other)
    assert torch.equal(state.pose, other.pose)
    assert seen.raster is not None and alike.raster is not None
    assert torch.equal(seen.raster, alike.raster)
    assert seen.lidar and alike.lidar and torch.equal(seen.lidar.range_m, alike.lidar.range_m)
    assert seen.lanes and alike.lanes and torch.equal(seen.lanes.point_m, alike.lanes.point_m)


def test_torch_and_numpy_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "worlds.npz"
    assert main(["bench", "--prepare", str(path), "--agents", "6"]) == 0
    words = ["step", "raster", "lidar"]
    done = subprocess.run(
        [sys.executable, "-c", _BARE.format(names=_ABSENT), f"what={','.join(words)}",
         f"prepared={path}", "worlds=2", "mode=eager"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 1 + len(words)


@needs_shared_data
def test_recorded_maps_with_32_agents(tmp_path: Path) -> None:
    for path in FILES[:2]:
        (tmp_path / path.name).symlink_to(path)
    world = bench_simulator(str(tmp_path), 32, Needs()).world
    assert world.num_worlds == 2
    assert world.reset().valid.all()
