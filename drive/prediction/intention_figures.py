"""How good predicted intentions are: sums that add up over batches."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import VectorScene
from drive.prediction.figures import Sums
from drive.prediction.losses import intention_loss
from eval.forecasts.calibration import Reliability
from eval.forecasts.intentions import intention_reliability, right_by_class
from sim.interface import IntentionKind
from sim.scenario import EGO

_MANOEUVRES = [
    int(kind)
    for kind in IntentionKind
    if kind not in (IntentionKind.KEEP_LANE, IntentionKind.PARKED, IntentionKind.OTHER)
]


def intention_figures(logit: Float[Tensor, "b n i"], scene: VectorScene, example: Example) -> Sums:
    """Accuracy over the others whose intention is known, over those of them who turn, change lanes or stop,
    and the negative log-likelihood in nats."""
    truth, counts = example.truth.intention, known_intentions(scene, example)
    right, number = right_by_class(logit, truth, counts)
    total = number.sum()
    return {
        "intention": (right.sum(), total),
        "manoeuvre": (right[_MANOEUVRES].sum(), number[_MANOEUVRES].sum()),
        "intention_nll": (intention_loss(logit, truth, counts) * total, total),
    }


def intention_tables(
    logit: Float[Tensor, "b n i"], scene: VectorScene, example: Example
) -> dict[str, Reliability]:
    """Tables `[b bins]`, from which accuracy (`right`) and calibration follow: of all others whose intention
    is known (`intention`), of those of them who turn, change lanes or stop (`manoeuvre`), of each kind."""
    truth, known = example.truth.intention, known_intentions(scene, example)
    acts = torch.isin(truth, torch.tensor(_MANOEUVRES, device=truth.device))
    groups = {"intention": known, "manoeuvre": known & acts}
    groups |= {kind.name.lower(): known & (truth == int(kind)) for kind in IntentionKind}
    return {name: intention_reliability(logit, truth, counts) for name, counts in groups.items()}


def known_intentions(scene: VectorScene, example: Example) -> Bool[Tensor, "b n"]:
    """The others whom the ego knows of and whose intention is known."""
    counts = scene.agent_valid & (example.truth.intention >= 0)
    counts[:, EGO] = False
    return counts
