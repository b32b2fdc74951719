"""How good predicted intentions are: sums that add up over batches."""

from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import VectorScene
from drive.prediction.figures import Sums
from drive.prediction.losses import intention_loss
from eval.forecasts.intentions import right_by_class
from sim.interface import IntentionKind

_MANOEUVRES = [
    int(kind)
    for kind in IntentionKind
    if kind not in (IntentionKind.KEEP_LANE, IntentionKind.PARKED, IntentionKind.OTHER)
]


def intention_figures(logit: Float[Tensor, "b n i"], scene: VectorScene, example: Example) -> Sums:
    """Accuracy over the others whose intention is known, over those of them who turn, change lanes or stop,
    and the negative log-likelihood in nats."""
    truth = example.truth.intention
    counts = scene.agent_valid & (truth >= 0)
    counts[:, 0] = False
    right, number = right_by_class(logit, truth, counts)
    total = number.sum()
    return {
        "intention": (right.sum(), total),
        "manoeuvre": (right[_MANOEUVRES].sum(), number[_MANOEUVRES].sum()),
        "intention_nll": (intention_loss(logit, truth, counts) * total, total),
    }
