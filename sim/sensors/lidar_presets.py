"""Spinning lidars: which way each beam looks, how many columns a revolution has, where it sits."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LidarSpec:
    """`elevations_deg`, top row first; columns go round counter-clockwise from straight ahead.

    The mount is relative to the centre of the ego's box on the ground. `spin_s` is the time of a
    revolution; real sensors turn clockwise, which matters for motion alone: `clockwise`.
    """

    elevations_deg: tuple[float, ...]
    num_columns: int
    max_range_m: float
    mount_x_m: float = 0.0
    mount_z_m: float = 1.8
    spin_s: float = 0.1
    clockwise: bool = True

    @property
    def num_rows(self) -> int:
        return len(self.elevations_deg)

    @property
    def num_rays(self) -> int:
        return self.num_rows * self.num_columns


def _even(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(np.linspace(first, last, count).tolist())


# Velodyne HDL-32E as on the nuScenes cars: 20 Hz, +10.67 to -30.67 degrees.
HDL_32E = LidarSpec(_even(10.67, -30.67, 32), 1080, 100.0, mount_z_m=1.84, spin_s=0.05)
# Velodyne HDL-64E as in KITTI: 10 Hz; 32 beams a third of a degree apart, 32 half a degree.
HDL_64E = LidarSpec(
    _even(2.0, -8.33, 32) + _even(-8.83, -24.33, 32), 2083, 120.0, mount_x_m=-0.3, mount_z_m=1.73
)
# Like the VLS-128: +15 to -25 degrees, dense around the horizon.
VLS_128 = LidarSpec(
    _even(15.0, 4.0, 20) + _even(3.8, -7.8, 88) + _even(-8.2, -25.0, 20), 1800, 200.0
)
PRESETS = {"hdl_32e": HDL_32E, "hdl_64e": HDL_64E, "vls_128": VLS_128}
