"""How far the ego could drive until it touches something, by what was found and by what is there.

Along arcs of constant curvature, as if the wheel were held: what a detector gets wrong counts where it
matters to driving, as in the planner-centric metrics of Philion et al. (CVPR 2020).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.geometry import box

CURVATURES_PM = (-0.12, -0.06, -0.03, -0.01, 0.0, 0.01, 0.03, 0.06, 0.12)
FARTHEST_M = 40.0
_STEP_M = 0.25
_EGO_M = (4.5, 1.9)


def contact_distances_m(boxes: Float[Tensor, "n 7"]) -> Float[Tensor, " k"]:
    """Along each arc of `CURVATURES_PM` from the origin ahead; inf: free as far as `FARTHEST_M`."""
    driven = torch.arange(0.0, FARTHEST_M + 0.5 * _STEP_M, _STEP_M)
    curvature = torch.tensor(CURVATURES_PM).unsqueeze(1)
    yaw = curvature * driven
    # The chord of an arc: sin(yaw / 2) / (yaw / 2) of its length, at half its angle.
    chord = driven * torch.sinc(0.5 * yaw / torch.pi)
    pose = torch.stack((chord * torch.cos(0.5 * yaw), chord * torch.sin(0.5 * yaw), yaw), dim=-1)
    ego = torch.tensor(_EGO_M)
    touched = box.overlaps(
        pose.unsqueeze(2), ego, boxes[:, [0, 1, 6]].float(), boxes[:, 3:5].float()
    ).any(dim=2)
    first = torch.where(touched, driven, torch.inf)
    return first.amin(dim=1)


def contact_figures(
    found_m: Float[Tensor, "f k"], true_m: Float[Tensor, "f k"]
) -> dict[str, float]:
    """Mean error where both meet something, share of the true contacts missed, of the free arcs blocked.

    NaN where there is nothing to divide by.
    """
    meets, met = torch.isfinite(found_m), torch.isfinite(true_m)
    both = meets & met
    return {
        "error_m": float((found_m - true_m)[both].abs().mean()),
        "missed": float((~meets & met).sum() / met.sum()),
        "phantom": float((meets & ~met).sum() / (~met).sum()),
    }
