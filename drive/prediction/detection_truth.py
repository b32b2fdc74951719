"""Who was there to be found in a sweep, and what a `DetectionHead` should say: labels, targets, losses."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from drive.features.example import ExampleSpec
from drive.features.occupancy import CLASSES, NO_CLASS, box_cells, class_of
from drive.features.sweeps import GRID, body_bits
from drive.features.vectors import VectorScene
from drive.perception.detector.losses import detector_losses
from drive.perception.detector.targets import Targets
from drive.prediction.detection_head import SPEED_MPS, RoadUserMaps, gathered
from sim.geometry.grid import BevGrid
from sim.scenario import EGO, AgentKind

_MOST_KNOWN = ExampleSpec().num_agents - 1  # others that an example holds
_AROUND_M = (
    2 * GRID.resolution_m
)  # how much longer and wider than its box is where a centre may be said to be
_WEIGHTS = {"class": 0.5, "facing": 0.5, "velocity": 0.5}
_HEIGHT_M = {  # examples know none: the usual ones
    AgentKind.VEHICLE: 1.6, AgentKind.PEDESTRIAN: 1.75, AgentKind.CYCLIST: 1.7
}  # fmt: skip


@dataclass(frozen=True)
class RoadUserTruth:
    """The agents of a scene, row 0 the ego, as what a sweep shows of them.

    `box` as `Detections`. `findable`: road users in the grid, of whom the sweep shows something.
    `excused`: the others, who need not be found. Up to `reach_m` from the ego everybody is known.
    """

    box: Float[Tensor, "b n 7"]
    label: Int[Tensor, "b n"]  # in `CLASSES`; 0 for what is no road user
    velocity_mps: Float[Tensor, "b n 2"]
    findable: Bool[Tensor, "b n"]
    excused: Bool[Tensor, "b n"]
    reach_m: Float[Tensor, " b"]

    @staticmethod
    def of(scene: VectorScene, sweeps: Tensor, grid: BevGrid) -> "RoadUserTruth":
        """From everybody's tracks, and `sweeps` as `Example` holds them."""
        pose, size_m = scene.agent_pose, scene.agent_size_m
        label = class_of(scene.agent_kind)
        others = scene.agent_valid & (torch.arange(pose.shape[1], device=pose.device) != EGO)
        user = others & (label != NO_CLASS)
        label = label.clamp(min=0)
        height_m = pose.new_tensor([_HEIGHT_M[kind] for kind in CLASSES])[label].unsqueeze(-1)
        box = torch.cat((pose[..., :2], 0.5 * height_m, size_m, height_m, pose[..., 2:]), dim=-1)
        # Returns lie on a box's outline: in cells whose centres are up to half a cell outside.
        touched = box_cells(pose.unsqueeze(2), size_m + GRID.resolution_m, user.unsqueeze(2), GRID)
        shown = body_bits(sweeps).flatten(1)
        seen = torch.gather(shown, 1, touched.number.flatten(1)).view_as(touched.taken)
        hit = (seen & touched.taken).flatten(2).any(dim=2)
        inside = grid.holds(*grid.cells(pose[..., 0], pose[..., 1]))
        distance_m = pose[..., :2].norm(dim=-1)
        farthest_m = torch.where(others, distance_m, 0.0).amax(dim=1)
        full = others.sum(dim=1) >= _MOST_KNOWN
        reach_m = torch.where(full, farthest_m, torch.inf)
        findable = user & hit & inside
        return RoadUserTruth(box, label, scene.velocity_mps, findable, user & ~findable, reach_m)

    def targets(self, cells: BevGrid) -> Targets:
        """Of those who are to be found; around the others no cell counts."""
        target = Targets.of(self.box, self.findable, self.reach_m, cells)
        pose, size_m = self.box[..., [0, 1, 6]], self.box[..., 3:5] + _AROUND_M
        near = box_cells(pose.unsqueeze(2), size_m, self.excused.unsqueeze(2), cells)
        unsure = torch.zeros_like(target.counts).flatten(1).long()
        unsure = unsure.scatter_add(1, near.number.flatten(1), near.taken.flatten(1).long())
        free = (unsure == 0).view_as(target.counts)
        return replace(target, counts=target.counts & (free | (target.heat == 1.0)))


def road_user_losses(maps: RoadUserMaps, truth: RoadUserTruth, cells: BevGrid) -> dict[str, Tensor]:
    """By name; `detection` is the one that falls: centres, boxes, classes, facing and velocities."""
    target = truth.targets(cells)
    losses = detector_losses(maps, target)
    told, cell, around = target.told.flatten(1), target.cell.flatten(1), target.told.shape[2]

    def mean(off: Tensor) -> Tensor:
        """Over the cells that are told something."""
        return torch.where(told, off, 0.0).sum() / told.sum().clamp(min=1)

    def distance(said: Tensor, true: Tensor) -> Tensor:
        apart = gathered(said, cell) - true.repeat_interleave(around, dim=1)
        return mean(apart.abs().sum(dim=-1))

    yaw = truth.box[..., 6]
    label = truth.label.repeat_interleave(around, dim=1)
    class_logit = gathered(maps.class_logit, cell).transpose(1, 2)
    parts = {
        "class": mean(cross_entropy(class_logit, label, reduction="none")),
        "facing": distance(maps.facing, torch.stack((yaw.sin(), yaw.cos()), dim=-1)),
        "velocity": distance(maps.velocity_mps, truth.velocity_mps) / SPEED_MPS,
    }
    total = losses["loss"] + sum(_WEIGHTS[name] * part for name, part in parts.items())
    return {"detection": total, "center": losses["center"], "box": losses["box"], **parts}
