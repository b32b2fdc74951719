"""Where the ego was, from its sweeps alone."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sim.errors import InputError
from sim.sensors.pointcloud import read_kitti


def poses_by_odometry(path: Path, files: list[Path]) -> Float[np.ndarray, "f 4 4"]:
    """The pose of each sweep in the frame of the first one, by KISS-ICP (Vizzo et al., RA-L 2023).

    Raises InputError where it is not installed.
    """
    if find_spec("kiss_icp") is None:
        raise InputError(
            f"{path}: no poses.txt; put one there, or `pip install kiss-icp` to have them estimated"
        )
    from kiss_icp.config import KISSConfig  # pyright: ignore[reportMissingImports]
    from kiss_icp.kiss_icp import KissICP  # pyright: ignore[reportMissingImports]

    config = KISSConfig()
    config.data.deskew = False  # nothing tells when each point was seen
    config.mapping.voxel_size = 0.01 * config.data.max_range
    odometry, poses = KissICP(config), []
    for file in files:
        point_m = read_kitti(file).xyz_m.astype(np.float64)
        odometry.register_frame(point_m, np.zeros(0))
        poses.append(odometry.last_pose.copy())
    return np.stack(poses)
