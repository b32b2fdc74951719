"""Boxes as cells, against shapely; their motion by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from shapely import affinity
from shapely.geometry import Point, box

from drive.features.occupancy import CLASSES, boxes_occupy, occupancy_truth
from drive.features.vectors import VectorScene, vector_scene
from sim.geometry.grid import BevGrid
from sim.scenario import AgentKind
from tests.drive.scenes import toy_examples

GRID = BevGrid(-10.0, -12.0, 0.8, 40, 32)


def _by_shapely(pose: np.ndarray, size_m: np.ndarray, grid: BevGrid) -> np.ndarray:
    """A cell is taken if its centre lies in the box, or the box's centre in it."""
    outline = box(*(-0.5 * size_m), *(0.5 * size_m))
    outline = affinity.rotate(outline, pose[2], origin=(0, 0), use_radians=True)
    outline = affinity.translate(outline, pose[0], pose[1])
    taken = np.zeros(grid.shape, dtype=bool)
    for i in range(grid.num_x):
        for j in range(grid.num_y):
            low = grid.point_m(i, j)
            cell = box(*low, low[0] + grid.resolution_m, low[1] + grid.resolution_m)
            taken[i, j] = outline.contains(Point(grid.center_m(i, j)))
            taken[i, j] |= cell.contains(Point(pose[:2]))
    return taken


def _scene(kinds: list[AgentKind], size_m: list[tuple[float, float]]) -> VectorScene:
    """The first toy scene, with these as its four agents."""
    scene = vector_scene(toy_examples().observation)
    return replace(
        scene,
        agent_kind=torch.tensor(kinds).expand(5, -1),
        agent_size_m=torch.tensor(size_m).expand(5, -1, -1),
    )


def test_cells_of_boxes_are_those_of_shapely() -> None:
    size_m = [(4.0, 2.0), (11.7, 2.6), (0.5, 0.6), (1.9, 0.7)]
    kinds = [AgentKind.VEHICLE, AgentKind.VEHICLE, AgentKind.PEDESTRIAN, AgentKind.CYCLIST]
    scene = _scene(kinds, size_m)
    draw = np.random.default_rng(3)
    low, high = (-11.0, -13.0, -3.0), (23.0, 14.0, 3.0)  # some reach out of the grid
    pose = draw.uniform(low, high, (5, 4, 2, 3)).astype(np.float32)
    found = boxes_occupy(scene, torch.from_numpy(pose), GRID).numpy()
    assert found.any(axis=(0, 2, 3, 4)).all()
    for b, s in ((0, 0), (4, 1)):
        for n, c in ((1, 0), (2, 1), (3, 2)):  # without the ego
            truth = _by_shapely(pose[b, n, s], np.array(size_m[n]), GRID)
            assert (found[b, c, s] == truth).all()


def test_things_are_of_no_class_and_who_is_not_there_takes_nothing() -> None:
    scene = _scene([AgentKind.OBJECT] * 4, [(2.0, 2.0)] * 4)
    pose = torch.zeros(5, 4, 1, 3)
    assert not boxes_occupy(scene, pose, GRID).any()
    scene = replace(
        scene,
        agent_kind=torch.zeros_like(scene.agent_kind),
        agent_valid=torch.tensor([True, True, False, False]).expand(5, -1),
    )
    pose[:, 2:] = torch.nan
    # A square of 2 m around 0 holds centres at -.8, 0, .8 in y; in x they lie at -.4 +- .8 k: -.4, .4.
    assert boxes_occupy(scene, pose, GRID).sum(dim=(2, 3, 4)).tolist() == [[6, 0, 0]] * 5


def test_truth_by_hand_of_toy_scenes() -> None:
    example = toy_examples()
    pose, valid = example.future.pose.clone(), example.future.valid.clone()
    ahead = vector_scene(example.observation).velocity_mps[..., 0].round() == 6.0
    valid[..., 3:] &= ~ahead.unsqueeze(2)  # the car ahead is gone 2 s from now
    valid[:, :, 8:] = False  # and nothing is recorded 4.5 s from now
    pose[~valid] = torch.nan
    grid = BevGrid(-40.0, -20.0, 0.5, 200, 80)
    scene = vector_scene(example.observation)
    truth = occupancy_truth(scene, replace(example.future, pose=pose, valid=valid), 10, grid)
    assert truth.occupied.shape == (5, len(CLASSES), 11, 200, 80)
    assert truth.recorded.tolist() == [[True] * 9 + [False] * 2] * 5
    # Both cars are 4.5 by 2 m or so; the one ahead goes 6 * .5 = 3 m in a step, the other one -4 m, the
    # one on foot .5 m to the left.
    moved = truth.moved_m[truth.moves]
    speeds = {tuple(v) for v in (10 * moved).round().int().tolist()}
    assert speeds == {(30, 0), (-40, 0), (0, 5)}
    # It goes on from now, .5 and 1 s; where it was last seen, at 1.5 s, it stands, and its motion is unknown.
    assert ((truth.moved_m[..., 0] > 2.9).sum(dim=(2, 3)) > 0).tolist() == [
        [True] * 3 + [False] * 7
    ] * 5
    taken = truth.occupied[:, 0].sum(dim=(2, 3))
    assert (taken[:, 3] == 2 * taken[:, 4]).all()  # two cars, then one; both 9 by 4 cells
    assert (taken[:, 9:] == 0).all()
    assert (truth.occupied[:, 1, :9].sum(dim=(2, 3)) >= 1).all()  # .6 m on foot: a cell or more
    assert not truth.occupied[:, 2].any()
    assert torch.isfinite(truth.moved_m).all()


def test_a_turning_box_moves_as_a_rigid_body() -> None:
    """A quarter turn on the spot: what is ahead of its centre by a goes to its left by a."""
    example = toy_examples()
    scene = replace(
        vector_scene(example.observation),
        agent_pose=torch.zeros(5, 4, 3),
        agent_valid=torch.tensor([True, True, False, False]).expand(5, -1),
        agent_size_m=torch.tensor((4.0, 2.0)).expand(5, 4, 2),
    )
    pose = torch.zeros_like(example.future.pose)
    pose[..., 2] = torch.pi / 2
    truth = occupancy_truth(scene, replace(example.future, pose=pose), 2, GRID)
    i, j = (int(c) for c in GRID.cells(1.2, 0.1))
    x, y = GRID.center_m(i, j)
    assert truth.moved_m[0, 0, i, j].tolist() == pytest.approx((-y - x, x - y), abs=1e-5)
    assert truth.moved_m[0, 1, i, j].tolist() == [0.0, 0.0]  # of cells that the turned box leaves
