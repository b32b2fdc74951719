"""What a detector is trained to make small."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from drive.perception.detector.network import CellMaps
from drive.perception.detector.targets import Targets


def detector_losses(maps: CellMaps, target: Targets) -> dict[str, Tensor]:
    """By name; `loss` is the one that falls: centres, and how far off boxes are.

    CenterPoint counts boxes a quarter; trained as briefly as here they are then worse
    (docs/perception.md).
    """
    center = focal_loss(maps.logit, target.heat, target.counts)
    cell, code = target.cell.flatten(1), target.code.flatten(1, 2)
    said = torch.gather(maps.code.flatten(1, 2), 1, cell.unsqueeze(-1).expand_as(code))
    off = (said - code).abs().sum(dim=-1)
    told = target.told.flatten(1)
    boxes = torch.where(told, off, 0.0).sum() / told.sum().clamp(min=1)
    return {"loss": center + boxes, "center": center, "box": boxes}


def focal_loss(
    logit: Float[Tensor, "b u v"], heat: Float[Tensor, "b u v"], counts: Bool[Tensor, "b u v"]
) -> Tensor:
    """Cross entropy in which what is sure counts little, and what is near a centre is hardly wrong.

    -(1 - p)^2 log p where heat is 1, else -(1 - heat)^4 p^2 log(1 - p), over the number of centres (Law and
    Deng 2018, equation 1).
    """
    p = torch.sigmoid(logit)
    center = heat == 1.0
    right = -(1.0 - p).square() * logsigmoid(logit)
    wrong = -(1.0 - heat).pow(4) * p.square() * logsigmoid(-logit)
    loss = torch.where(counts, torch.where(center, right, wrong), 0.0).sum()
    return loss / (center & counts).sum().clamp(min=1)
