"""`bevdrive view --planner`: what a planner would think, against the planner itself; and wrong input."""

import numpy as np
import pytest
import torch

from drive.cli.main import main
from drive.pipelines.view import ViewTarget, find_viewed_scene
from drive.pipelines.view_thoughts import PlannerThoughts, rating_planner
from drive.planning.cost_volume.planner import CostVolumePlanner
from drive.planning.rated import BEST
from eval.runs.drive_instants import DriveInstants
from eval.runs.folder import RunFolder
from eval.view import palette
from eval.view.scene_layers import SceneLayers
from eval.view.shapes import Mesh
from eval.view.viewed_scene import ViewedScene
from sim.interface import needs_of
from tests.conftest import SHARED_DATA, needs_shared_data
from tests.drive.scenes import toy_scenario

KITTI = SHARED_DATA / "kitti_object" / "velodyne" / "000000.bin"


def test_the_volume_that_is_shown_is_the_one_that_the_planner_reads() -> None:
    scenario = toy_scenario()
    planner = rating_planner("costvolume")
    assert isinstance(planner, CostVolumePlanner)
    scene = ViewedScene.of(scenario)
    thoughts = PlannerThoughts(planner, scenario)
    layers = SceneLayers(ViewedScene(scene.title, scenario, scene.motion, scene.points, thoughts))
    assert layers.times_ahead_s() == pytest.approx(np.arange(0.5, 5.1, 0.5))
    mesh = layers.at(20, shown=("costs",), ahead_s=3.0).layers["costs"][0]
    assert isinstance(mesh, Mesh)
    quads_m, colors = mesh.vertex_m.reshape(-1, 4, 3)[..., :2], mesh.rgb.reshape(-1, 4, 3)
    with torch.no_grad():
        rated = planner.rated(DriveInstants(scenario, None, planner.needs).observe(20))
    volume = rated.volume
    assert volume is not None
    # The ego is at 20 m and looks east. Read as the planner does, under a car that is but a point.
    points = torch.tensor(((0.4, 0.4), (20.4, -1.2), (32.4, 3.6), (50.8, 9.2)))
    trajectory = torch.zeros(1, 4, 10, 5)
    trajectory[0, ..., :2] = points.unsqueeze(1)
    in_3_s = volume.along(trajectory, torch.zeros(1, 2))[0, :, 5].numpy()
    now = volume.cost[0, 5]
    wanted = palette.by_value(in_3_s, float(now.min()), float(now.max()))
    for (x, y), rgb in zip(points.tolist(), wanted, strict=True):
        place = np.array((x + 20.0, y))
        (k,) = np.flatnonzero((np.abs(quads_m.mean(axis=1) - place) < 0.39).all(axis=1))
        assert colors[k, 0].astype(int) == pytest.approx(rgb.astype(int), abs=2)
    assert len(np.unique(wanted, axis=0)) == 4  # else the instant would not matter
    table = layers.at(20, shown=(), ahead_s=3.0).table
    assert float(table[1][1]) == pytest.approx(
        float(rated.cost[rated.candidates.valid].min()), abs=0.01
    )
    assert sum(float(row[1]) for row in table[2:12]) == pytest.approx(float(table[1][1]), abs=0.1)
    assert table[-1][1:] == (f"{float(now.min()):.2f} to", f"{float(now.max()):.2f}")
    assert thoughts.at(20) is thoughts.at(20)  # made once


def test_the_chosen_candidate_is_the_plan_and_its_terms_are_named() -> None:
    scenario = toy_scenario()
    planner = rating_planner("hand_cost")
    told = PlannerThoughts(planner, scenario).at(30)
    with torch.no_grad():
        plan = planner.plan(DriveInstants(scenario, None, needs_of(planner)).observe(30))
    assert told.candidates is not None and told.costs is not None and told.chosen == 0
    assert told.candidates[0] == pytest.approx(plan.trajectory[0, :, :2].numpy(), abs=1e-4)
    # The ego is at 30 m.
    assert told.plan[:, 0] == pytest.approx(plan.trajectory[0, :, 0].numpy() + 30.0, abs=1e-3)
    assert plan.terms is not None and list(told.terms) == list(plan.terms)
    assert sum(float(each[0]) for each in told.terms.values()) == pytest.approx(
        told.costs[0], abs=1e-3
    )
    assert told.other is not None and told.costs[told.other] > told.costs[0]
    assert told.layers() == {"plan", "candidates", "forecast", "occupancy"}


def test_every_candidate_is_priced_in_full_as_the_other_way_may_be_a_dear_one() -> None:
    planner, scenario = rating_planner("hand_cost"), toy_scenario()
    with torch.no_grad():
        rated = planner.rated(DriveInstants(scenario, None, needs_of(planner)).observe(30))
    assert planner.best >= rated.candidates.num > BEST


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs")
    words = "--families curve --count 1 --duration-s 1 --workers 0 --videos 0 --name r"
    assert main(["simulate", *words.split(), "--planner", "idm,hand_cost", "--out", str(out)]) == 0
    return RunFolder.open(out / "r")


def test_whose_drive_of_a_run_and_whose_thoughts(run: RunFolder) -> None:
    own = find_viewed_scene(ViewTarget(path=run.path, planner="hand_cost"))
    assert own.title.startswith("hand_cost: curve") and isinstance(own.thoughts, PlannerThoughts)
    told = own.thoughts.at(4)
    recorded = find_viewed_scene(ViewTarget(path=run.path, planner="idm"))
    assert recorded.title.startswith("idm: curve") and recorded.thoughts is not None
    assert recorded.thoughts.at(4).layers() == {"plan", "forecast"}
    # Its own drive: what it thinks is what it then did (up to the slopes that others' velocities are).
    from eval.runs.drive_record import DriveRecord
    from eval.view.thought import RecordedThoughts

    did = RecordedThoughts(DriveRecord.load(run.drive_path("hand_cost", 0))).at(4)
    assert did.candidates is not None and told.candidates is not None
    assert told.candidates[0, :8] == pytest.approx(did.candidates[0], abs=0.05)
    other = find_viewed_scene(ViewTarget(path=run.path, planner="p3"))
    assert other.title.startswith("p3 in hand_cost: curve") and isinstance(
        other.thoughts, PlannerThoughts
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "constant_velocity",
            "rates no candidates that could be shown (choices: hand_cost, idm, bc,",
        ),
        ("costvolum", "did you mean costvolume?"),
        ("p3@nowhere", "nowhere"),
    ],
)
def test_wrong_planners_are_one_line(
    run: RunFolder, name: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["view", str(run.path), "--planner", name, "--out", "never.png"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and wanted in line
    assert main(["view", "--families", "curve", "--planner", name, "--out", "never.png"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_times_that_the_volume_does_not_have(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["--planner", "costvolume", "--ahead", "7", "--out", "never.png"]
    assert main(["view", str(run.path), *words]) == 2
    assert capsys.readouterr().err.strip().endswith("--ahead: 7 s is not between 0.5 and 5 s")


@needs_shared_data
def test_without_a_map_no_planner_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["view", str(KITTI), "--planner", "p3", "--out", "never.png"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "no lanes in its map" in line
