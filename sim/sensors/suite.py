"""`SensorSuite`: the sensors that the ego of every world carries, as one thing to hand around."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from sim import rows
from sim.sensors.lidar import Lidar, LidarSweep
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import Rasterizer, RasterSpec, Scene
from sim.world import World, WorldState


@dataclass(frozen=True)
class SensorSuite:
    """A rasterizer, a lidar, or both: what `World.observe` and `rollout` take as `sensors`."""

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

    def take(self, index: Int[Tensor, " k"]) -> "SensorSuite":
        """The suite of `World.take(index)`."""
        rasterizer, lidar = copy(self.rasterizer), copy(self.lidar)
        if rasterizer:
            rasterizer.layers = rows.take(rasterizer.layers, index)
        if lidar:
            lidar.static = rows.take(lidar.static, index)
        return SensorSuite(rasterizer, lidar)

    def sense(
        self, world: World, state: WorldState, history: Sequence[WorldState] = ()
    ) -> tuple[Tensor | None, LidarSweep | None]:
        """Raster and sweep of `state`.

        The times of `RasterSpec.past_s` are read from `history`, the states before this one, the
        latest last; those from before it began show its first state.
        """
        raster = None
        if self.rasterizer:
            steps = [round(past / world.dt_s) for past in self.rasterizer.spec.past_s]
            known = len(history)
            states = [state if k == 0 or not known else history[max(known - k, 0)] for k in steps]
            raster = self.rasterizer.draw(Scene.of(world, states))
        return raster, self.lidar.sweep(world, state) if self.lidar else None
