"""Two ways down an energy with noise: the sampler by Langevin's equation, and Implicit BC's optimiser.

Implicit BC (Florence et al. 2021, appendix B.3) scales the noise by the step size and calls it Langevin
dynamics. It is none: on E = y^2 / 2 its chain has variance step / (1 - step / 4), not about 1. It finds low
energies; it does not draw from p(y) = exp(-E(y)) / Z.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

Energy = Callable[[Tensor], Tensor]  # [b k *d] -> [b k]


class Sampling(Protocol):
    """One of the two ways."""

    def __call__(
        self,
        energy_of: Energy,
        start: Tensor,
        step_sizes: Sequence[float],
        generator: torch.Generator,
    ) -> Tensor: ...


def polynomial_decay(
    steps: int, first: float = 0.1, last: float = 1e-5, power: float = 2.0
) -> list[float]:
    """Step sizes from the first to the last: Implicit BC's, and its figures."""
    left = (1.0 - k / max(1, steps - 1) for k in range(steps))
    return [last + (first - last) * share**power for share in left]


def unadjusted_langevin(
    energy_of: Energy,
    start: Float[Tensor, "b k *d"],
    step_sizes: Sequence[float],
    generator: torch.Generator,
) -> Float[Tensor, "b k *d"]:
    """y_k = y_{k-1} - s/2 grad E(y_{k-1}) + sqrt(s) noise: draws from exp(-E) / Z as s goes to 0.

    Nothing is rejected: at a step size s the variance on E = y^2 / 2 is 1 / (1 - s / 4).
    """
    y = start
    for step in step_sizes:
        noise = _noise_like(y, generator)
        y = y - 0.5 * step * energy_gradient(energy_of, y) + step**0.5 * noise
    return y


def implicit_bc_optimiser(
    energy_of: Energy,
    start: Float[Tensor, "b k *d"],
    step_sizes: Sequence[float],
    generator: torch.Generator,
    half_range: float = 1.0,
    noise: float = 1.0,
) -> Float[Tensor, "b k *d"]:
    """y_k = y_{k-1} - clip(s (grad E(y_{k-1}) / 2 + noise)), kept within +-`half_range`.

    A step is clipped to a tenth of it. `noise` 0: a descent, as in the paper's second pass.
    """
    y, farthest = start, 0.1 * half_range
    for step in step_sizes:
        pull = 0.5 * energy_gradient(energy_of, y) + noise * _noise_like(y, generator)
        y = (y - (step * pull).clamp(-farthest, farthest)).clamp(-half_range, half_range)
    return y


def energy_gradient(
    energy_of: Energy, y: Float[Tensor, "b k *d"], differentiable: bool = False
) -> Float[Tensor, "b k *d"]:
    """dE/dy of each by itself; `differentiable`: a loss of it can be trained."""
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        return torch.autograd.grad(energy_of(y).sum(), y, create_graph=differentiable)[0]


def _noise_like(y: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(y.shape, generator=generator, device=generator.device).to(y)
