"""`DetectionHead`: who is around, by class, from an image of sweeps and a backbone's features of it.

IntentNet's (Casas, Luo, Urtasun 2018) detection, each cell of the image a proposal. Centres, boxes and their
suppression are those of `drive.perception.detector`; class and the way that somebody faces come on top.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from drive.features.occupancy import CLASSES
from drive.features.vectors import VectorScene
from drive.networks.bev_encoder import cell_features
from drive.perception.detections import Detections
from drive.perception.detector.box_code import NUMBERS
from drive.perception.detector.decode import detections
from drive.perception.detector.network import CellMaps
from sim.geometry import se2
from sim.geometry.grid import BevGrid

SPEED_MPS = 10.0  # what becomes 1
_RARE_LOGIT = -4.6  # of one in a hundred: most cells hold nothing (Lin et al. 2017)


@dataclass(frozen=True)
class RoadUserMaps(CellMaps):
    """What each cell says of the one whose centre it holds: of what class it is, how it faces and moves.

    `facing`: sine and cosine of its heading. `code` knows headings up to half a turn alone.
    """

    class_logit: Float[Tensor, "b u v c"]  # as `CLASSES`
    facing: Float[Tensor, "b u v 2"]
    velocity_mps: Float[Tensor, "b u v 2"]


@dataclass(frozen=True)
class RoadUsers:
    """Who was found; headings of the boxes are the way that they face."""

    detections: Detections
    class_logit: Float[Tensor, "b k c"]  # as `CLASSES`
    velocity_mps: Float[Tensor, "b k 2"]

    @property
    def kind(self) -> Int[Tensor, "b k"]:
        """AgentKind: the likeliest."""
        classes = torch.tensor([int(kind) for kind in CLASSES], device=self.class_logit.device)
        return classes[self.class_logit.argmax(dim=-1)]

    @property
    def there(self) -> Bool[Tensor, "b k"]:
        """Where there is a box."""
        return self.detections.score > 0.0


class DetectionHead(nn.Module):
    """What each cell of an image says, from `width` features of a backbone and the image's `channels`."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        cells = max(1, width // 2)
        self.narrow = nn.Conv2d(width, cells, 1)
        self.detail = nn.Conv2d(channels, cells, 3, 1, 1)
        self.mix = nn.Conv2d(cells, cells, 3, 1, 1)
        self.think = nn.Conv2d(cells, width, 3, 1, 1)
        self.norm = nn.LayerNorm(width)  # of each cell by itself: most of the image is empty
        self.say = nn.Linear(width, 1 + NUMBERS + len(CLASSES) + 4)
        with torch.no_grad():
            self.say.bias.zero_()[0] = _RARE_LOGIT

    def forward(
        self, image: Float[Tensor, "b i x y"], feature: Float[Tensor, "b d u v"]
    ) -> RoadUserMaps:
        cells = cell_features(image, feature, self.narrow, self.detail, self.mix)
        thought = nn.functional.relu(self.think(cells)).permute(0, 2, 3, 1)
        said = self.say(self.norm(thought)).float()
        logit, code, *rest = said.split((1, NUMBERS, len(CLASSES), 2, 2), dim=-1)
        class_logit, facing, velocity = rest
        return RoadUserMaps(logit.squeeze(-1), code, class_logit, facing, SPEED_MPS * velocity)


def road_users(maps: RoadUserMaps, anything: Bool[Tensor, " b"], cells: BevGrid) -> RoadUsers:
    """Whom the cells say they hold; nobody where there is not `anything` to be seen.

    What there is beside its box is said by the cell that holds its centre.
    """
    logit = torch.where(anything[:, None, None], maps.logit, -torch.inf)
    found = detections(logit, maps.code, cells)
    class_logit, facing, velocity_mps = (
        said_at(said, found.box[..., :2], cells)
        for said in (maps.class_logit, maps.facing, maps.velocity_mps)
    )
    yaw = found.box[..., 6:]
    reversed_ = (facing * torch.cat((yaw.sin(), yaw.cos()), dim=-1)).sum(-1, keepdim=True) < 0.0
    yaw = se2.wrap_angle(yaw + math.pi * reversed_)
    box = torch.cat((found.box[..., :6], yaw), dim=-1)
    return RoadUsers(Detections(box, found.score), class_logit, velocity_mps)


def said_at(
    said: Float[Tensor, "b u v c"], place_m: Float[Tensor, "b k 2"], cells: BevGrid
) -> Float[Tensor, "b k c"]:
    """What the cells say that hold these places; anything outside."""
    i, j = (c.floor() for c in cells.cells(*place_m.unbind(-1)))
    number = torch.where(cells.holds(i, j), cells.flat(i, j), 0.0).long()
    return gathered(said, number)


def gathered(said: Float[Tensor, "b u v c"], cell: Int[Tensor, "b k"]) -> Float[Tensor, "b k c"]:
    """What the cells of these numbers say."""
    return torch.gather(said.flatten(1, 2), 1, cell.unsqueeze(-1).expand(-1, -1, said.shape[-1]))


def as_agents(
    scene: VectorScene,
    box: Float[Tensor, "b k 7"],
    kind: Int[Tensor, "b k"],
    velocity_mps: Float[Tensor, "b k 2"],
    there: Bool[Tensor, "b k"],
) -> VectorScene:
    """The ego of the scene and, as the others, K boxes of which only the present is known."""
    pose, instants = box[..., [0, 1, 6]], scene.history_valid.shape[2]

    def history(now: Tensor) -> Tensor:
        before = torch.zeros_like(now).unsqueeze(2).repeat_interleave(instants - 1, dim=2)
        return torch.cat((before, now.unsqueeze(2)), dim=2)

    def joined(of_scene: Tensor, of_boxes: Tensor) -> Tensor:
        mask = there.reshape(*there.shape, *(1,) * (of_boxes.ndim - 2))
        return torch.cat(
            (of_scene[:, :1], torch.where(mask, of_boxes, torch.zeros_like(of_boxes))), dim=1
        )

    return replace(
        scene,
        agent_pose=joined(scene.agent_pose, pose),
        agent_size_m=joined(scene.agent_size_m, box[..., 3:5]),
        agent_kind=joined(scene.agent_kind, kind),
        agent_valid=joined(scene.agent_valid, there),
        history_pose=joined(scene.history_pose, history(pose)),
        history_velocity_mps=joined(scene.history_velocity_mps, history(velocity_mps)),
        history_valid=joined(scene.history_valid, history(there)),
    )
