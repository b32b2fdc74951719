"""`CostVolumeNetwork`: a cost of every cell at every instant, from an image of the scene.

NMP (Zeng et al., End-to-end Interpretable Neural Motion Planner, CVPR 2019), over map, a forecast, and tracks
or sweeps.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.features.raster import regridded
from drive.features.sweeps import seen_channels, seen_raster
from drive.features.vectors import VectorScene
from drive.networks.bev_encoder import BevBackbone, ImageConfig, cell_features
from drive.networks.weights import TaskNetwork
from drive.planning.candidates import DT_S, POINTS
from drive.planning.costs.volume import CostVolume
from drive.prediction.occupancy import OccupancyConfig, OccupancyPredictor
from sim.geometry.grid import BevGrid

HIGHEST_COST = 1000.0  # NMP's: costs are clipped to that and to minus that
_TAKEN = 20.0  # what a cell costs at first that is surely taken
_UNIT = 10.0  # of cost: what is 1 to the layers
_FAR_M = 50.0  # what becomes 1
_CELL_WIDTH = 16  # features of a cell of the image


@dataclass(frozen=True)
class CostVolumeConfig(ImageConfig):
    """Sizes of the network; `points` instants, `dt_s` apart, the first one `dt_s` from now.

    `occupancy`: the fields of an `OccupancyConfig`, of the network that foretells from lidar where others
    may be; None: it sees tracks, and is told where others may be.
    """

    num_x: int = 104
    num_y: int = 56
    behind_m: float = 12.8
    points: int = POINTS
    dt_s: float = DT_S
    occupancy: dict[str, Any] | None = None

    @property
    def sensors(self) -> str:
        """One of `drive.features.sweeps.SENSORS`."""
        return "tracks" if self.occupancy is None else "lidar"


class CostVolumeNetwork(TaskNetwork):
    """A backbone at a quarter of the resolution and a cheap look at each cell; then a map an instant.

    It begins as a cost of running into where others may be, and learns what else to mind: to learn from
    images alone who goes where takes longer than a small training lasts.
    """

    task, version, config_class = "costvolume", 1, CostVolumeConfig

    def __init__(self, config: CostVolumeConfig) -> None:
        super().__init__()
        self.config = config
        self.foresight = None
        if config.occupancy is not None:
            self.foresight = OccupancyPredictor(OccupancyConfig(**config.occupancy))
            self.foresight.requires_grad_(False)
        seen = seen_channels(config.sensors) + config.points + 2
        self.backbone = BevBackbone(seen, config.width)
        self.narrow = nn.Conv2d(config.width, _CELL_WIDTH, 1)
        self.detail = nn.Conv2d(seen, _CELL_WIDTH, 3, 1, 1)
        self.mix = nn.Conv2d(_CELL_WIDTH, _CELL_WIDTH, 3, 1, 1)
        self.head = nn.Conv2d(_CELL_WIDTH, config.points, 1)
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.log_taken = nn.Parameter(torch.full((config.points, 1, 1), math.log(_TAKEN)))

    def forward(self, scene: VectorScene, occupancy: Float[Tensor, "b t x y"]) -> CostVolume:
        """The scene in the ego's frame, as `seen_scene` makes it for `sensors`; `occupancy`: how likely each
        cell is taken at each instant."""
        grid = self.config.grid
        place = _place(grid, occupancy).expand(len(occupancy), -1, -1, -1)
        image = torch.cat((seen_raster(scene, grid), occupancy, place), dim=1)
        wide = self.backbone(image)
        feature = cell_features(image, wide, self.narrow, self.detail, self.mix)
        learned = _UNIT * self.head(feature).float()
        cost = self.log_taken.exp() * occupancy + learned
        return CostVolume(cost.clamp(-HIGHEST_COST, HIGHEST_COST), grid, self.config.dt_s)

    @torch.no_grad()
    def foreseen(self, scene: VectorScene) -> Float[Tensor, "b t x y"]:
        """From lidar: how likely each cell is taken, as `forward` wants it."""
        assert self.foresight is not None
        occupancy = self.foresight.occupancy(scene)
        return regridded(occupancy.probability, occupancy.grid, self.config.grid)


def _place(grid: BevGrid, like: Tensor) -> Float[Tensor, "1 2 x y"]:
    """Where each cell is: convolutions alone could not tell near from far."""
    centers_m = grid.cell_centers_m(like.device).to(like.dtype)
    return (centers_m / _FAR_M).permute(2, 0, 1).unsqueeze(0)
