"""Chains down an energy, over controls that the ego's bicycle can drive.

A chain begins as a candidate, and y changes the candidate's accelerations and curvature rates (`controls_of`)
in proportion between `KNOTS` instants. The energy of y is that of where the bicycle then goes: smooth
changes, few of them, so that the noise of a chain does not shake the car.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.behaviour.controls import controls_of, driven, scales
from drive.planning.candidates import Candidates
from drive.planning.energy.langevin import Energy
from drive.planning.samplers.rollouts import roll_out
from sim.interface import EgoState

Walk = Callable[[Energy, Tensor], Tensor]  # the energy of y, where y begins -> where it ends
KNOTS = 3  # now, half-way, at the end
UNIT = 0.3  # of `scales`: what y = 1 changes a control by


def walked(energy_of: Energy, ego: EgoState, start: Candidates, walk: Walk) -> Candidates:
    """Where chains end, driven by the bicycle; `energy_of` trajectories. Valid: that, and its start, is."""
    scale, begin = scales(ego), controls_of(ego, start)

    def controls(y: Float[Tensor, "b k j 2"]) -> Float[Tensor, "b k t 2"]:
        return begin + scale * UNIT * (between_knots(begin.shape[2]).to(y) @ y)

    unchanged = begin.new_zeros(*begin.shape[:2], KNOTS, 2)
    y = walk(lambda y: energy_of(driven(ego, controls(y)).trajectory), unchanged)
    return driven_truly(ego, controls(y), start)


def driven_truly(
    ego: EgoState, controls: Float[Tensor, "b k t 2"], start: Candidates
) -> Candidates:
    """By the bicycle step by step, with its lags; valid where it can and `start` was."""
    reached = roll_out(ego, controls[..., 0], controls[..., 1])
    return replace(reached, valid=reached.valid & start.valid)


def between_knots(points: int) -> Float[Tensor, "t j"]:
    """How much each knot counts at each instant."""
    time = torch.linspace(0.0, KNOTS - 1.0, points)
    return (1.0 - (time.unsqueeze(1) - torch.arange(KNOTS)).abs()).clamp(min=0.0)


def begun(
    energy: Float[Tensor, "b k"], candidates: Candidates, count: int, generator: torch.Generator
) -> Candidates:
    """As many candidates a world, drawn one after the other from softmax(-E); those that are valid first."""
    chance = torch.rand(energy.shape, generator=generator, device=generator.device).to(energy)
    # Gumbel's: the greatest of log p + noise are draws from p without repetition.
    noise = -torch.log(-torch.log(chance.clamp(1e-7, 1.0 - 1e-7)))
    likely = torch.where(candidates.valid, noise - energy, -torch.inf)
    return candidates.take(likely.topk(min(count, candidates.num), dim=1).indices)
