"""How long do the steps of discovery take on a sweep?

    python benchmarks/discovery.py --path DRIVE [--weights default]

DRIVE: a KITTI drive, as `bevdrive discover --source kitti` reads it. Each step by itself, on the threads that
torch has; the best of several sweeps.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from drive.networks.weights import load_network
from drive.perception.box_fit import fit_boxes, settled
from drive.perception.clusters import ClusterBounds, cluster, may_be_road_users, without_walls
from drive.perception.detector.network import FAR_M, Detector, square_grid
from drive.perception.ground import is_ground
from drive.perception.labels import Labels
from drive.perception.logs.recorded import kitti_info, kitti_sweeps
from drive.perception.logs.sweep_log import SweepLog, write_log
from drive.perception.stages import followed, kept
from drive.perception.track_filter import TrackBounds

SWEEPS = 20
Result = TypeVar("Result")


class Clock:
    """The seconds that each step took, by its name."""

    def __init__(self) -> None:
        self.took_s: dict[str, list[float]] = {}

    def time(self, name: str, call: Callable[[], Result]) -> Result:
        """Do it, and remember how long that took."""
        began = time.perf_counter()
        result = call()
        self.took_s.setdefault(name, []).append(time.perf_counter() - began)
        return result


def boxes_of(log: SweepLog, number: int, clock: Clock) -> np.ndarray:
    """From a sweep to boxes, step by step."""
    point, sensor, bounds = log.frame(number).point_m, log.info.sensor_m, ClusterBounds()
    above = (point - np.asarray(sensor, dtype=np.float32)).astype(np.float64)
    solid = point[~clock.time("ground", lambda: is_ground(above, sensor[2]))]
    label, count = clock.time("clusters", lambda: cluster(solid.astype(np.float64), bounds))
    label = without_walls(solid, label, count, bounds)
    boxes = clock.time(
        "boxes", lambda: fit_boxes(torch.from_numpy(solid), torch.from_numpy(label), count)
    )
    fits = may_be_road_users(boxes.numpy(), np.zeros(count), bounds)
    boxes = boxes[torch.from_numpy(fits)]
    return clock.time("bottoms", lambda: settled(boxes, torch.from_numpy(point))).numpy()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--weights", default="default")
    options = parser.parse_args()
    detector, _ = load_network(Detector, options.weights)
    grid, clock = square_grid(FAR_M), Clock()
    with tempfile.TemporaryDirectory() as folder:
        sweeps = islice(kitti_sweeps(options.path), SWEEPS)
        log = write_log(Path(folder) / "drive", kitti_info(options.path), sweeps)
        boxes = [boxes_of(log, number, clock).astype(np.float64) for number in range(len(log))]
        found = Labels.of_frames(boxes, [np.ones(len(held)) for held in boxes])
        tracks = clock.time("tracks", lambda: followed(log, found))
        clock.time("filter", lambda: kept(log, tracks, TrackBounds()))
        for name in ("tracks", "filter"):
            clock.took_s[name] = [clock.took_s[name][0] / len(log)]
        for number in range(len(log)):
            point = torch.from_numpy(log.frame(number).point_m).unsqueeze(0)
            valid = torch.ones(point.shape[:2], dtype=torch.bool)
            clock.time("detector", lambda p=point, v=valid: detector.detect(p, v, grid))
    print(f"{torch.get_num_threads()} threads, {len(log)} sweeps: seconds a sweep, best and median")
    for name, took in clock.took_s.items():
        print(f"{name:10s} {min(took):.3f} {np.median(took):.3f}")
    steps = [np.median(took) for name, took in clock.took_s.items() if name != "detector"]
    print(f"all but the detector {sum(steps):.3f}")


if __name__ == "__main__":
    main()
