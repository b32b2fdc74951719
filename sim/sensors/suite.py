"""`SensorSuite`: the sensors that the ego of every world carries, as one thing to hand around."""

from dataclasses import dataclass

from torch import Tensor

from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import Rasterizer, RasterSpec, Scene
from sim.sensors.sweep import LabelledSweep
from sim.world import World, WorldState


@dataclass(frozen=True)
class SensorSuite:
    """A rasterizer, a lidar, both or neither."""

    rasterizer: Rasterizer | None = None
    lidar: Lidar | None = None

    @staticmethod
    def of(
        world: World, raster: RasterSpec | None = None, lidar: LidarSpec | None = None
    ) -> "SensorSuite":
        """For the scenarios of a world, on its device."""
        return SensorSuite(
            rasterizer=Rasterizer.of(world, raster) if raster else None,
            lidar=Lidar.of(world, lidar) if lidar else None,
        )

    def sense(self, world: World, state: WorldState) -> tuple[Tensor | None, LabelledSweep | None]:
        """Raster and sweep of `state`; the times of `RasterSpec.past_s` are read from its past."""
        raster = None
        if self.rasterizer:
            steps_ago = [round(past / world.dt_s) for past in self.rasterizer.spec.past_s]
            raster = self.rasterizer.draw(Scene.of(world, state, steps_ago))
        return raster, self.lidar.sweep(world, state) if self.lidar else None
