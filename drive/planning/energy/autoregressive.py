"""`AutoregressiveEnergy`: a trajectory drawn step by step, each from the energies of what can come next.

p(y | scene) = prod_t p(y_t | y_<t, scene), and p(y_t | y_<t) is the softmax of -E_t(scene, y_<=t) over the C
entries that one step's controls lead to: each factor is normalised exactly, so nothing has to be sampled
to train it (Implicit BC's autoregressive variant takes dimension by dimension; here it is the instants).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drive.planning.energy.network import Around, EnergyConfig, EnergyNetwork
from sim.geometry import se2

ACCELERATIONS_MPS2 = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0)
LATERAL_MPS2 = (-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0)
_SLOWEST_MPS = 3.0  # below it curvature grows no further


class AutoregressiveEnergy(EnergyNetwork):
    """E_t hangs on the entries up to t alone: on t's own, and on a summary of those before it."""

    task = "autoregressive_energy"

    def __init__(self, config: EnergyConfig) -> None:
        super().__init__(config)
        self.past = nn.GRU(config.width, config.width, batch_first=True)

    def by_instant(
        self, around: Around, trajectory: Float[Tensor, "b k t 5"]
    ) -> Float[Tensor, "b k t"]:
        """E_t of each instant."""
        now = self.instants(around, trajectory)
        past, _ = self.past(now.flatten(0, 1))
        before = nn.functional.pad(past[:, :-1], (0, 0, 1, 0)).unflatten(0, now.shape[:2])
        return self.energy(now + before).squeeze(-1)

    def following(
        self, around: Around, done: Float[Tensor, "b k t 5"]
    ) -> tuple[Float[Tensor, "b k c 5"], Float[Tensor, "b k c"]]:
        """What can come after K beginnings of T entries (0 too), and the logarithms of how likely it is."""
        last = self._last(around, done)
        entry = next_entries(last, self.config.dt_s)
        k, c = entry.shape[1:3]
        speed_mps = last[..., 3:].repeat_interleave(c, dim=1)
        now = self.instants(around, entry.reshape(-1, k * c, 1, 5), done.shape[2], speed_mps)
        now = now.unflatten(1, (k, c)).squeeze(3)
        energy = self.energy(now + self._before(around, done).unsqueeze(2)).squeeze(-1)
        return entry, torch.log_softmax(-energy, dim=2)

    @torch.no_grad()
    def sample(
        self, around: Around, count: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "b k t 5"], Float[Tensor, "b k"]]:
        """K trajectories a scene, and the logarithms of their probabilities."""
        done = around.ego.new_zeros(len(around.ego), count, 0, 5)
        total = around.ego.new_zeros(len(around.ego), count)
        for _ in range(self.config.points):
            entry, log_probability = self.following(around, done)
            # Gumbel's: the greatest of log p + noise is a draw from p.
            chance = torch.rand(log_probability.shape, generator=generator).to(total)
            noise = -torch.log(-torch.log(chance.clamp(1e-7, 1.0 - 1e-7)))
            chosen = (log_probability + noise).argmax(dim=2, keepdim=True)
            done = torch.cat((done, _taken(entry, chosen)), dim=2)
            total = total + log_probability.gather(2, chosen).squeeze(2)
        return done, total

    def log_probability(
        self, around: Around, position_m: Float[Tensor, "b t 2"]
    ) -> Float[Tensor, " b"]:
        """Of the steps that keep nearest to places where somebody went: minus it is what is to be trained."""
        done = around.ego.new_zeros(len(around.ego), 1, 0, 5)
        total = around.ego.new_zeros(len(around.ego))
        for t in range(self.config.points):
            entry, log_probability = self.following(around, done)
            gap = (entry[..., :2] - position_m[:, None, t, None]).norm(dim=-1)
            chosen = gap.argmin(dim=2, keepdim=True)
            done = torch.cat((done, _taken(entry, chosen)), dim=2)
            total = total + log_probability.gather(2, chosen).reshape(-1)
        return total

    def _before(self, around: Around, done: Float[Tensor, "b k t 5"]) -> Float[Tensor, "b k d"]:
        """What is kept of beginnings."""
        if not done.shape[2]:
            return around.ego.new_zeros(*done.shape[:2], self.config.width)
        past, _ = self.past(self.instants(around, done).flatten(0, 1))
        return past[:, -1].unflatten(0, done.shape[:2])

    def _last(self, around: Around, done: Float[Tensor, "b k t 5"]) -> Float[Tensor, "b k 4"]:
        """Pose and speed that the next step begins with."""
        if done.shape[2]:
            return done[:, :, -1, :4]
        start = done.new_zeros(*done.shape[:2], 4)
        start[..., 3] = around.speed_mps.unsqueeze(1)
        return start


def next_entries(state: Float[Tensor, "b k 4"], dt_s: float) -> Float[Tensor, "b k c 5"]:
    """Arcs at constant acceleration: each of `ACCELERATIONS_MPS2` with all of `LATERAL_MPS2`.

    `state`: x, y, yaw, speed. Nobody rolls back.
    """
    ahead = state.new_tensor(ACCELERATIONS_MPS2).repeat_interleave(len(LATERAL_MPS2))
    aside = state.new_tensor(LATERAL_MPS2).repeat(len(ACCELERATIONS_MPS2))
    speed = state[..., 3:]
    after = (speed + ahead * dt_s).clamp(min=0.0)
    length_m = 0.5 * (speed + after) * dt_s
    curvature = aside / speed.clamp(min=_SLOWEST_MPS).square()
    turn = curvature * length_m
    chord = torch.stack(
        (length_m * torch.cos(0.5 * turn), length_m * torch.sin(0.5 * turn), turn), dim=-1
    )
    pose = se2.compose(state[..., None, :3], chord)
    return torch.cat((pose, after.unsqueeze(-1), curvature.unsqueeze(-1)), dim=-1)


def _taken(entry: Float[Tensor, "b k c 5"], chosen: Tensor) -> Float[Tensor, "b k 1 5"]:
    return entry.gather(2, chosen.unsqueeze(-1).expand(-1, -1, -1, 5))
