"""What experts did who were in the ego's state, driven from where the ego is: P3's sampler.

Sadat et al., Perceive, Predict, and Plan, ECCV 2020, section 3.4: experts' trajectories are binned by
speed, acceleration and curvature at their start and clustered in each bin; the ego drives the profile
of acceleration and curvature rate of each cluster's prototype, by the bicycle, from its own state.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drive.planning.candidates import DT_S, Candidates
from drive.planning.samplers.drivable import curvature_now
from drive.planning.samplers.rollouts import roll_out
from sim.geometry import se2
from sim.interface import EgoState, Observation

BIN_SIZE = (2.0, 1.0, 0.02)  # m/s, m/s2, 1/m
_SMOOTHING = 0.1
_STANDING_M = 0.02  # in `DT_S`; so short a way says nothing about curvature


@dataclass(frozen=True)
class Library:
    """M bins, each with up to K profiles of experts, each value for one `DT_S`."""

    bin: Float[Tensor, "m 3"]  # speed, acceleration and curvature in bin sizes, whole numbers
    acceleration_mps2: Float[Tensor, "m k t"]
    curvature_rate: Float[Tensor, "m k t"]  # 1/(m s)
    valid: Bool[Tensor, "m k"]


@dataclass(frozen=True)
class RetrievalSampler:
    """The profiles of the ego's bin, or of the nearest one with any; they don't depend on chance."""

    library: Library

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates:
        """K of them, those that the bin lacks not `valid`."""
        ego, library = observation.ego, self.library
        state = torch.stack((ego.speed_mps, ego.acceleration_mps2, curvature_now(ego)), dim=-1)
        index = torch.cdist(_bin_of(state), library.bin).argmin(dim=1)
        candidates = roll_out(ego, library.acceleration_mps2[index], library.curvature_rate[index])
        valid = candidates.valid & library.valid[index]
        return Candidates(candidates.trajectory, valid, candidates.dt_s)


def build_library(ego: EgoState, future: Float[Tensor, "n t 3"], num: int, seed: int) -> Library:
    """Up to `num` prototypes a bin from N experts: their state, and their poses after it, `DT_S` apart.

    Poses are of the centre, in the frame of the state's. A prototype is the expert nearest to the mean
    of its cluster, by k-means over positions.
    """
    curvature = curvature_now(ego)
    state = torch.stack((ego.speed_mps, ego.acceleration_mps2, curvature), dim=-1)
    acceleration, rate = profile(future, ego.speed_mps, curvature)
    bins, bin_of = torch.unique(_bin_of(state), dim=0, return_inverse=True)
    shape = (len(bins), num, future.shape[1])
    library = Library(
        bins,
        torch.zeros(shape),
        torch.zeros(shape),
        torch.zeros(shape[:2], dtype=torch.bool),
    )
    for row in range(len(bins)):
        members = torch.nonzero(bin_of == row).squeeze(1)
        chosen = members[_prototypes(future[members, :, :2].flatten(1), num, seed)]
        library.acceleration_mps2[row, : len(chosen)] = acceleration[chosen]
        library.curvature_rate[row, : len(chosen)] = rate[chosen]
        library.valid[row, : len(chosen)] = True
    return library


def profile(
    future: Float[Tensor, "n t 3"], speed_mps: Float[Tensor, " n"], curvature: Float[Tensor, " n"]
) -> tuple[Float[Tensor, "n t"], Float[Tensor, "n t"]]:
    """Acceleration and curvature rate of experts in each `DT_S`, from their poses and their start.

    Between two poses the rear axle goes round an arc: its length and its curvature are the means of
    speed and curvature there. Its chord points along the mean of both headings, along which the centre
    goes as far: what the centre swings out beside is at right angles to that.
    """
    pose = torch.cat((torch.zeros_like(future[:, :1]), future), dim=1)
    step = se2.compose(se2.inverse(pose[:, :-1]), pose[:, 1:])
    turn = step[..., 2]
    chord = se2.rotate(step[..., :2], -0.5 * turn)[..., 0]
    length = chord / torch.sinc(0.5 * turn / torch.pi)
    bend = turn * length / (length.square() + _STANDING_M**2)
    speeds = _knots(speed_mps, length / DT_S)
    bends = _knots(curvature, bend)
    return torch.diff(speeds, dim=1) / DT_S, torch.diff(bends, dim=1) / DT_S


def _knots(start: Float[Tensor, " n"], mean: Float[Tensor, "n t"]) -> Float[Tensor, "n s"]:
    """The smooth polyline from `start` whose means over its pieces are `mean`: values at its T + 1 knots.

    Least squares, with `_SMOOTHING` times the squared second differences: the means alone would let
    the knots swing about the truth.
    """
    pieces = mean.shape[1]
    one = torch.eye(pieces + 1, dtype=mean.dtype)
    averages = 0.5 * (one[1:] + one[:-1])
    bends = _SMOOTHING**0.5 * (one[2:] - 2.0 * one[1:-1] + one[:-2])
    rows = torch.cat((averages, bends))
    told = torch.cat((mean, mean.new_zeros(len(mean), pieces - 1)), dim=1)
    told = told - start.unsqueeze(1) * rows[:, 0]
    # Not `lstsq`: that differs in the last bits from call to call, with where the memory lies.
    solve = torch.linalg.pinv(rows[:, 1:].double()).to(mean.dtype)
    rest = (told.unsqueeze(1) * solve).sum(dim=2)
    return torch.cat((start.unsqueeze(1), rest), dim=1)


def _bin_of(state: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return torch.round(state / torch.tensor(BIN_SIZE, device=state.device))


def _prototypes(features: Float[Tensor, "n f"], num: int, seed: int) -> Tensor:
    """Which of N stand for their clusters, at most `num`."""
    if len(features) <= num:
        return torch.arange(len(features))
    from scipy.cluster.vq import kmeans2

    means, _ = kmeans2(features.numpy(), num, iter=100, minit="++", rng=seed)
    gap = torch.cdist(torch.from_numpy(means).to(features), features)
    return gap.argmin(dim=1).unique()
