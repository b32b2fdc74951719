"""Spinning lidars: which way each beam looks, how many columns a revolution has, where it sits."""

import math
from dataclasses import dataclass

import numpy as np

from sim.errors import InputError


@dataclass(frozen=True)
class LidarSpec:
    """`elevations_deg`: one beam row each, any table; columns go round counter-clockwise.

    An azimuth step of 0.2 degrees is 1800 columns. The mount is relative to the centre of the ego's
    box on the ground, and upright; column 0 looks along `mount_yaw_deg`. `spin_s` is the time of a
    revolution; real sensors turn clockwise, which matters for motion alone: `clockwise`. Raises
    InputError for a table that makes no sensor.
    """

    elevations_deg: tuple[float, ...]
    num_columns: int
    max_range_m: float
    mount_x_m: float = 0.0
    mount_z_m: float = 1.8
    spin_s: float = 0.1
    clockwise: bool = True
    mount_y_m: float = 0.0
    mount_yaw_deg: float = 0.0

    def __post_init__(self) -> None:
        if len(self.elevations_deg) == 0:
            raise InputError("elevations_deg: empty; a lidar needs at least one beam row")
        for row, elevation in enumerate(self.elevations_deg):
            if not -90.0 < elevation < 90.0:
                raise InputError(
                    f"elevations_deg[{row}]: {elevation} is not between -90 and 90 degrees"
                )
        if self.num_columns < 1:
            raise InputError(f"num_columns: {self.num_columns}; at least one is needed")
        for name in ("max_range_m", "mount_z_m", "spin_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name}: {value} is not positive")
        for name in ("mount_x_m", "mount_y_m", "mount_yaw_deg"):
            if not math.isfinite(getattr(self, name)):
                raise InputError(f"{name}: {getattr(self, name)} is not a number")

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
