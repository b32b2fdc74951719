"""The lidar sweeps of an Argoverse 2 log, read on demand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sim.scenario import Scenario
from sim.sensors.pointcloud import PointCloud, read_argoverse2
from sim.sources.argoverse2.poses import read_poses
from sim.sources.argoverse2.tracks import read_annotations


@dataclass(frozen=True)
class Sweep:
    """One sweep; its points are read when asked for."""

    path: Path
    time_ns: int
    time_s: float  # since the scenario's first instant
    world_SE3_ego: Float[
        np.ndarray, "4 4"
    ]  # pose of Argoverse's ego frame (rear axle), scenario frame

    def read(self) -> PointCloud:
        """The points, in the ego frame; InputError names a damaged file."""
        return read_argoverse2(self.path)


def list_sweeps(log: Path, scenario: Scenario) -> list[Sweep]:
    """All sweeps of the log that `scenario` was read from, in order of time; none without lidar."""
    found = (log / "sensors" / "lidar").glob("*.feather")
    files = {int(p.stem): p for p in found if p.stem.isdecimal() and len(p.stem) < 19}
    time_ns = np.array(sorted(files), dtype=np.int64)
    start_ns = read_annotations(log).time_ns.min()
    rotation, position = read_poses(log).at(time_ns)
    pose = np.tile(np.eye(4), (len(files), 1, 1))
    pose[:, :3, :3], pose[:, :3, 3] = rotation, position - scenario.world_offset_m
    return [
        Sweep(files[int(t)], int(t), float(t - start_ns) * 1e-9, pose[k])
        for k, t in enumerate(time_ns)
    ]
