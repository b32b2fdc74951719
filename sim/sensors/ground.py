"""`Ground`: heights of the ground on a regular grid, batched over worlds, and beams cast against it.

Each square between four samples is two triangles, cut along the diagonal from the corner of lowest x, y
to that of highest x, y. Beyond the grid every point has the height of the nearest point of its edge.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sim.scenario import GroundHeight, Scenario

NEVER_M = 1e6  # the distance of what a beam does not meet
_REFINEMENTS = 6  # steps of the search for the point where a beam meets the ground
_FLAT = GroundHeight(np.zeros(2), 1.0, np.zeros((2, 2)))


@dataclass(frozen=True)
class Ground:
    """z in metres on one grid a world: `height_m[b, i, j]` at `origin_m[b] + (i, j) * resolution_m[b]`.

    World frame; i runs along x, j along y. `last` holds the highest valid i and j of each world.
    """

    origin_m: Float[Tensor, "b 2"]
    resolution_m: Float[Tensor, "b 1"]
    last: Float[Tensor, "b 2"]
    height_m: Float[Tensor, "b x y"]

    @staticmethod
    def from_scenarios(scenarios: list[Scenario]) -> "Ground | None":
        """The ground of each scenario, padded to the largest; None if all are the plane z = 0."""
        return Ground.of([scenario.map.ground for scenario in scenarios])

    @staticmethod
    def of(given: list[GroundHeight | None]) -> "Ground | None":
        """A batch of one ground a world, where None stands for the plane z = 0; None if all are that."""
        if all(one is None for one in given):
            return None
        grounds = [one or _FLAT for one in given]
        shapes = np.array([one.height_m.shape for one in grounds])
        height = np.zeros((len(grounds), *shapes.max(axis=0)), dtype=np.float32)
        for row, one in zip(height, grounds, strict=True):
            row[tuple(slice(n) for n in one.height_m.shape)] = one.height_m
        return Ground(
            torch.tensor(np.array([one.origin_m for one in grounds]), dtype=torch.float32),
            torch.tensor([[one.resolution_m] for one in grounds], dtype=torch.float32),
            torch.from_numpy(shapes - 1).float(),
            torch.from_numpy(height),
        )

    def read(
        self, points_m: Float[Tensor, "b *p 2"]
    ) -> tuple[Float[Tensor, "b *p"], Float[Tensor, "b *p 2"]]:
        """z of the ground at each (x, y), and its gradient (dz/dx, dz/dy), 0 beyond the grid."""
        shape = (-1, *(1,) * (points_m.ndim - 2))
        resolution = self.resolution_m.reshape(*shape, 1)
        last = self.last.reshape(*shape, 2)
        place = (points_m - self.origin_m.reshape(*shape, 2)) / resolution
        # fmax: a NaN (padding) becomes cell 0, so that it can be gathered and masked later.
        inside = torch.fmin(torch.fmax(place, torch.zeros_like(last)), last)
        cell = torch.minimum(torch.floor(inside), last - 1)
        u, v = (inside - cell).unbind(-1)
        batch, num_x, num_y = self.height_m.shape
        world = torch.arange(batch, device=cell.device).reshape(shape)
        i, j = cell.long().unbind(-1)
        low = (world * num_x + i) * num_y + j
        below = u >= v  # the diagonal
        height = self.height_m.reshape(-1)
        at_low, at_high = height[low], height[low + num_y + 1]
        at_side = height[low + torch.where(below, num_y, 1)]
        first, second = at_side - at_low, at_high - at_side
        gx, gy = torch.where(below, first, second), torch.where(below, second, first)
        gradient = torch.where(place == inside, torch.stack((gx, gy), dim=-1) / resolution, 0.0)
        return at_low + u * gx + v * gy, gradient

    def cast(
        self,
        origin_m: Float[Tensor, "b a 2"],
        direction: Float[Tensor, "b a 2"],
        height_m: Float[Tensor, "b #a"],
        slope: Float[Tensor, " e"],
        samples_m: Float[Tensor, " k"],
    ) -> Float[Tensor, "b e a"]:
        """Horizontal distance at which beams first meet the ground; NEVER_M beyond the last sample.

        Beams start at `origin_m` and z = `height_m` in A directions (of length 1), each with E slopes
        (rise over horizontal distance). World frame.

        The ground is sampled along each direction at the distances `samples_m` `[K]`, ascending. Seen
        from the sensor, sample k rises by (its z - height_m) / samples_m[k]; a beam is underground at
        the first sample that rises above the beam's slope. The running maximum of the rise is sorted,
        so a binary search finds that sample. Between it and the one before, regula falsi with the
        Illinois change (Dowell and Jarratt 1971) finds the surface.
        """

        def profile(distance_m: Tensor) -> Tensor:
            points = origin_m.unsqueeze(2) + distance_m.unsqueeze(-1) * direction.unsqueeze(2)
            return self.read(points)[0] - height_m.unsqueeze(2)

        rise = profile(samples_m.expand(*origin_m.shape[:2], -1)) / samples_m
        beams = slope.expand(*origin_m.shape[:2], -1).contiguous()
        index = torch.searchsorted(torch.cummax(rise, dim=2).values.contiguous(), beams)
        edges = torch.cat((torch.zeros_like(samples_m[:1]), samples_m, samples_m[-1:]))
        near, far = edges[index], edges[index + 1]
        depth_near, depth_far = (profile(s) - beams * s for s in (near, far))
        for _ in range(_REFINEMENTS):
            share = depth_near / (depth_near - depth_far).clamp(max=-1e-9)
            at = near + share.clamp(0.0, 1.0) * (far - near)
            depth = profile(at) - beams * at
            under = depth >= 0
            # Illinois: the value at the end that was kept is halved, or it might be kept for ever.
            depth_near = torch.where(under, 0.5 * depth_near, depth)
            depth_far = torch.where(under, depth, 0.5 * depth_far)
            near, far = torch.where(under, near, at), torch.where(under, at, far)
        share = depth_near / (depth_near - depth_far).clamp(max=-1e-9)
        at = near + share.clamp(0.0, 1.0) * (far - near)
        return torch.where(index < len(samples_m), at, NEVER_M).transpose(1, 2)


def heights_m(
    ground: GroundHeight | None, points_m: Float[np.ndarray, "*p 2"]
) -> Float[np.ndarray, "*p"]:
    """z of one scenario's ground at points (x, y) of the world frame; None: the plane z = 0."""
    return read_heights_m(Ground.of([ground]), points_m)


def read_heights_m(
    surface: Ground | None, points_m: Float[np.ndarray, "*p 2"]
) -> Float[np.ndarray, "*p"]:
    """Like `heights_m`, of a `Ground` of one world that was made before; None: the plane z = 0."""
    if surface is None:
        return np.zeros(points_m.shape[:-1], dtype=np.float32)
    points = torch.from_numpy(np.ascontiguousarray(points_m, dtype=np.float32))
    return surface.read(points[None])[0][0].numpy()
