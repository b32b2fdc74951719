"""`Recalibration`: logits that say how often it happens, fitted when a training is over.

As temperature scaling (Guo et al. 2017), but in pieces: a network that is too sure of what is likely can be
right about what is not.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

KNOTS = (-3.0, -1.5, 0.0, 1.5, 3.0)
"""logits between which the map is straight"""
_LEAST = -7.0  # cells of lower logits are free, and far too many
_FEW = 50  # with fewer than this taken cells nothing is fitted


class Recalibration(nn.Module):
    """A rising, piecewise linear map of logits for each of S instants and C classes; at first none at all."""

    slope: Tensor
    shift: Tensor

    def __init__(self, instants: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("slope", torch.ones(instants, classes, len(KNOTS) + 1))
        self.register_buffer("shift", torch.zeros(instants, classes))

    def forward(self, logit: Float[Tensor, "b c s x y"]) -> Float[Tensor, "b c s x y"]:
        """The same, mapped."""
        slope = self.slope.permute(2, 1, 0)[..., None, None]
        out = slope[0] * logit + self.shift.T[..., None, None]
        for k, knot in enumerate(KNOTS):
            out = out + (slope[k + 1] - slope[k]) * (logit - knot).clamp(min=0.0)
        return out

    def reset(self) -> None:
        """No map any more."""
        nn.init.ones_(self.slope)
        nn.init.zeros_(self.shift)

    def fit(
        self,
        logit: Float[Tensor, "b c s x y"],
        occupied: Bool[Tensor, "b c s x y"],
        recorded: Bool[Tensor, "b s"],
    ) -> None:
        """Least cross entropy on these, where recorded; now, the first instant, is left as it is."""
        for s in range(1, logit.shape[2]):
            for c in range(logit.shape[1]):
                seen = logit[recorded[:, s], c, s].float()
                counts = seen > _LEAST
                happened = occupied[recorded[:, s], c, s][counts].float()
                if happened.sum() >= _FEW:
                    self.slope[s, c], self.shift[s, c] = _fitted(seen[counts], happened)


def _fitted(
    logit: Float[Tensor, " n"], happened: Float[Tensor, " n"]
) -> tuple[Float[Tensor, " k"], Float[Tensor, ""]]:
    """Slopes, all above 0, and the shift."""
    parts = [torch.ones_like(logit), logit]
    parts += [(logit - knot).clamp(min=0.0) for knot in KNOTS]
    told = torch.stack(parts, dim=1)
    free = torch.zeros(len(KNOTS) + 2)  # the shift, and logarithms of slopes
    free.requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=80, line_search_fn="strong_wolfe")

    def weights() -> Tensor:
        slope = free[1:].exp()
        return torch.cat((free[:1], slope[:1], torch.diff(slope)))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(told @ weights(), happened)
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[arg-type]
    return free[1:].detach().exp(), free[0].detach()
