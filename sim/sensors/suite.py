"""`SensorSuite`: the sensors that the ego of every world carries, as one thing to hand around."""

from dataclasses import dataclass

from torch import Tensor

from sim.sensors.lidar import Lidar
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import Rasterizer, RasterSpec, Scene
from sim.sensors.sight import Sight
from sim.sensors.sweep import LabelledSweep
from sim.short_repr import short_repr
from sim.world import World, WorldState


@short_repr
@dataclass(frozen=True)
class SensorSuite:
    """A rasterizer, a lidar, a line of sight; any of them may be missing."""

    rasterizer: Rasterizer | None = None
    lidar: Lidar | None = None
    sight: Sight | None = None

    @staticmethod
    def of(
        world: World,
        raster: RasterSpec | None = None,
        lidar: LidarSpec | None = None,
        sight: bool = False,
    ) -> "SensorSuite":
        """For the scenarios of a world, on its device."""
        return SensorSuite(
            rasterizer=Rasterizer.of(world, raster) if raster else None,
            lidar=Lidar.of(world, lidar) if lidar else None,
            sight=Sight.of(world) if sight else None,
        )

    def sense(self, world: World, state: WorldState) -> tuple[Tensor | None, LabelledSweep | None]:
        """Raster of what the ego knows of `state`, sweep of what is there.

        The times of `RasterSpec.past_s` are read from its past.
        """
        raster = None
        if self.rasterizer:
            steps_ago = [round(past / world.dt_s) for past in self.rasterizer.spec.past_s]
            raster = self.rasterizer.draw(Scene.of(world, state.known, steps_ago))
        return raster, self.lidar.sweep(world, state) if self.lidar else None
