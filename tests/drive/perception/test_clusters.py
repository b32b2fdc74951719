"""Ground and clusters on made and on real sweeps."""

import runpy
from collections.abc import Callable

import numpy as np
import pytest
import torch

from drive.perception.box_fit import fit_boxes
from drive.perception.clusters import ClusterBounds, cluster, may_be_road_users, without_walls
from drive.perception.ground import by_plane, is_ground
from sim.geometry import overlap
from tests.conftest import SHARED_DATA

DRIVE = SHARED_DATA / "kitti_raw_drive_0005"
HEIGHT_M = 1.7


def slope(rng: np.random.Generator) -> np.ndarray:
    """Ground that falls by 2 % ahead, as a sensor so high above it sees it."""
    x, y = rng.uniform(-30.0, 30.0, (2, 6000))
    return np.stack((x, y, -HEIGHT_M - 0.02 * x + 0.02 * rng.standard_normal(len(x))), axis=1)


def crate(
    rng: np.random.Generator, x: float, y: float, size: tuple[float, float, float]
) -> np.ndarray:
    """A thing on that ground, full of points from 0.4 m over it on."""
    point = rng.uniform(-0.5, 0.5, (600, 3)) * size
    point[:, 2] = -HEIGHT_M - 0.02 * x + 0.4 + (point[:, 2] / size[2] + 0.5) * (size[2] - 0.4)
    return point + np.array((x, y, 0.0))


@pytest.mark.parametrize("method", [is_ground, by_plane])
def test_ground_is_told_from_what_stands_on_it(
    method: Callable[[np.ndarray, float], np.ndarray],
) -> None:
    rng = np.random.default_rng(0)
    ground, car = slope(rng), crate(rng, 12.0, 3.0, (4.0, 1.8, 1.5))
    found = method(np.concatenate((ground, car)), HEIGHT_M)
    assert found[: len(ground)].mean() > 0.97
    assert found[len(ground) :].mean() < 0.02


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    is_ground(slope(np.random.default_rng(0)), HEIGHT_M)
    assert capfd.readouterr() == ("", "")


def test_things_are_put_together_and_noise_is_left() -> None:
    rng = np.random.default_rng(0)
    one, two = crate(rng, 10.0, 0.0, (4.0, 1.8, 1.5)), crate(rng, 10.0, 3.0, (1.0, 1.0, 1.7))
    far, lone = crate(rng, 60.0, 0.0, (1.0, 1.0, 1.7)), np.array([[-20.0, 0.0, 0.0]])
    bad = np.array([[np.nan, 0.0, 0.0], [1.0, np.inf, 0.0]])
    label, number = cluster(np.concatenate((one, two, far, lone, bad)), ClusterBounds())
    assert number == 2
    assert len(set(label[:600])) == 1 and len(set(label[600:1200])) == 1
    assert (label[1200:] == -1).all()


@pytest.mark.parametrize("num", [0, 3])
def test_hardly_any_points_are_nothing(num: int) -> None:
    label, number = cluster(np.zeros((num, 3)), ClusterBounds())
    assert number == 0 and (label == -1).all()
    assert not is_ground(np.full((num, 3), np.nan), HEIGHT_M).any()


def test_sizes_of_road_users() -> None:
    # A car, a person, a bus; a wall, a tree, a kerb, a cup.
    size = np.array(
        [[4.5, 1.9, 1.5], [0.6, 0.6, 1.7], [12.0, 2.5, 3.2], [18.0, 0.4, 2.0],
         [2.0, 2.0, 5.0], [3.0, 0.3, 0.2], [0.2, 0.2, 0.31]]
    )  # fmt: skip
    boxes = np.zeros((len(size), 7))
    boxes[:, 2], boxes[:, 3:6] = 0.5 * size[:, 2], size
    told = may_be_road_users(boxes, np.zeros(len(size)), ClusterBounds())
    assert told.tolist() == [True, True, True, False, False, False, False]


@pytest.mark.skipif(not DRIVE.is_dir(), reason="no KITTI drive")
def test_the_van_the_cyclist_and_the_pedestrian_of_a_real_sweep() -> None:
    unpack = runpy.run_path(str(SHARED_DATA / "unpack_kitti.py"))
    point = unpack["read_pcz"](DRIVE / "velodyne" / "0000000000.pcz")[:, :3].astype(np.float64)
    # Boxes of `tracks_velodyne.csv`, frame 0: x, y, length, width, yaw.
    true = torch.tensor(
        [[13.69, 4.56, 4.43, 1.82, 0.545], [6.06, -1.63, 1.79, 0.82, 0.105],
         [8.74, -6.29, 0.97, 0.77, 0.33]]
    )  # fmt: skip
    thing = point[~is_ground(point, 1.73)]
    label, number = cluster(thing, ClusterBounds())
    boxes = fit_boxes(torch.from_numpy(thing).float(), torch.from_numpy(label), number)
    kept = may_be_road_users(boxes.numpy(), np.full(number, -1.73), ClusterBounds())
    boxes = boxes[torch.from_numpy(kept)]
    pairs = [
        overlap.iou(
            boxes[:, [0, 1, 6]], boxes[:, 3:5],
            one[[0, 1, 4]].expand(len(boxes), 3), one[2:4].expand(len(boxes), 2),
        ).max()
        for one in true
    ]  # fmt: skip
    assert torch.stack(pairs).min() > 0.4
    assert 50 < len(boxes) < 200


def test_what_is_too_long_for_any_box_is_left_out() -> None:
    wall = np.stack((np.linspace(0.0, 20.0, 50), np.full(50, 5.0), np.ones(50)), axis=1)
    # 9.8 m long over its corner: 6.9 m in x and in y, a lorry that may be one.
    lorry = np.stack((np.linspace(0.0, 6.9, 20), np.linspace(0.0, 6.9, 20), np.ones(20)), axis=1)
    point = np.concatenate((wall, lorry, [[50.0, 0.0, 1.0]]))
    label = np.array([0] * 50 + [1] * 20 + [-1])
    kept = without_walls(point, label, 2, ClusterBounds())
    assert kept.tolist() == [-1] * 50 + [1] * 20 + [-1]
    assert without_walls(point[:0], label[:0], 0, ClusterBounds()).shape == (0,)
