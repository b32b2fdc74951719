"""The settings of an export; one that was cut off goes on only with the same settings."""

from dataclasses import asdict, dataclass
from typing import Any

from sim.errors import InputError
from sim.export.nuscenes.schema import LIDAR_TOP, REAR_AXLE_TO_CENTER_M
from sim.sensors.lidar_presets import LidarSpec

_FORMAT = (
    1  # raise it with every change of what is written: exports then do not go on with older ones
)


@dataclass(frozen=True)
class ExportSettings:
    """`splits`: name and number of scenes, in the order of the scenarios.

    `sweeps`: the lidar at 10 Hz between the key frames as well. `noise`: range noise, lost and stray
    returns. Raises InputError for splits without scenes and names that are no folder.
    """

    version: str
    splits: dict[str, int]
    sweeps: bool = False
    noise: bool = False
    seed: int = 0
    lidar: LidarSpec = LIDAR_TOP

    def __post_init__(self) -> None:
        if not self.version or any(c in self.version for c in "/\\ ") or self.version[0] == ".":
            raise InputError(f"version: {self.version!r} does not name a folder")
        if self.version in ("samples", "sweeps", "maps", "can_bus"):
            raise InputError(
                f"version: {self.version!r} is the name of another folder of a dataset"
            )
        for name, count in self.splits.items():
            if count < 0:
                raise InputError(f"splits.{name}: {count} scenes")
        if self.num_scenes < 1:
            raise InputError("splits: no scene at all")

    @property
    def num_scenes(self) -> int:
        return sum(self.splits.values())

    @property
    def mount_m(self) -> tuple[float, float, float]:
        """The lidar's place in nuScenes' ego frame, whose origin is the rear axle, on the ground."""
        spec = self.lidar
        return spec.mount_x_m + REAR_AXLE_TO_CENTER_M, spec.mount_y_m, spec.mount_z_m

    def split_of(self, number: int) -> str:
        """The split of scene `number`."""
        for name, count in self.splits.items():
            if number < count:
                return name
            number -= count
        raise ValueError(f"scene {number}: beyond the last one of the splits")

    def to_plain(self) -> dict[str, Any]:
        """As values that JSON can hold."""
        plain = asdict(self)
        plain["lidar"]["elevations_deg"] = list(self.lidar.elevations_deg)
        return {"format": _FORMAT, **plain}
