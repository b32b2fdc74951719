"""How good predicted intentions are: sums that add up over batches."""

from jaxtyping import Float
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import VectorScene
from drive.prediction.figures import Sums
from drive.prediction.losses import intention_loss
from sim.interface import IntentionKind

_EASY = (IntentionKind.KEEP_LANE, IntentionKind.PARKED, IntentionKind.OTHER)


def intention_figures(logit: Float[Tensor, "b n i"], scene: VectorScene, example: Example) -> Sums:
    """Accuracy over the others whose intention is known, over those of them who turn, change lanes or stop,
    and the negative log-likelihood in nats."""
    truth = example.truth.intention
    counts = scene.agent_valid & (truth >= 0)
    counts[:, 0] = False
    right = logit.argmax(dim=2) == truth
    acts = counts.clone()
    for kind in _EASY:
        acts = acts & (truth != int(kind))
    number = counts.sum()
    return {
        "intention": ((right & counts).sum(), number),
        "manoeuvre": ((right & acts).sum(), acts.sum()),
        "intention_nll": (intention_loss(logit, truth, counts) * number, number),
    }
