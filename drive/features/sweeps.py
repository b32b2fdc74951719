"""What a lidar saw as a bird's-eye-view image of bits: slices of height over the ground, now and earlier.

Earlier sweeps are moved to where the ego is now by its own motion; what stands stays in its cells.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from drive.features.raster import CHANNELS, PAST_S, regridded, scene_raster
from drive.features.vectors import VectorScene, observed_scene
from sim import trees
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.interface import Observation
from sim.scenario import EGO
from sim.sensors.lidar_presets import HDL_32E
from sim.sensors.sweep import LidarSweep

SENSORS = ("tracks", "lidar")  # --sensors
LIDAR = replace(HDL_32E, num_columns=540)  # a beam in each cell of a car 60 m away
GRID = BevGrid(-40.0, -44.8, 0.8, 160, 112)  # ego frame
SLICES_M = (-0.5, 0.3, 1.0, 2.0, 4.0)  # over the ground: the ground, low, as high as cars, higher
NUM_SLICES = len(SLICES_M) - 1
_BODIES = slice(1, 3)  # the slices that show road users: not the ground, not what is above cars
_BITS = (1 + len(PAST_S)) * NUM_SLICES
_NEAR_STEPS = 2  # an earlier sweep may be so much older or younger than it ought to be

Earlier = tuple[int, LidarSweep]  # how many steps ago, and what was seen then


def height_slices(
    point_m: Float[Tensor, "b k 3"], valid: Bool[Tensor, "b k"], grid: BevGrid = GRID
) -> Bool[Tensor, "b h x y"]:
    """Whether a point is in each cell of each slice; z counts from the ground.

    Points that are not finite, or outside, are in none.
    """
    edges_m = torch.tensor(SLICES_M, device=point_m.device)
    x, y, z = point_m.unbind(-1)
    i, j = (torch.floor(c) for c in grid.cells(x, y))
    level = torch.bucketize(z.contiguous(), edges_m, right=True) - 1
    held = valid & torch.isfinite(z) & grid.holds(i, j) & (level >= 0) & (level < NUM_SLICES)
    world = torch.arange(len(x), device=x.device).unsqueeze(1)
    cell = torch.where(held, grid.flat(i, j), 0.0).long()
    nowhere = len(x) * NUM_SLICES * grid.num_cells
    index = torch.where(held, (world * NUM_SLICES + level) * grid.num_cells + cell, nowhere)
    out = torch.zeros(nowhere + 1, dtype=torch.bool, device=x.device)
    out = out.scatter(0, index.flatten(), True)[:-1]
    return out.reshape(len(x), NUM_SLICES, *grid.shape)


def sweep_bits(
    observation: Observation, earlier: Sequence[Earlier | None]
) -> UInt8[Tensor, "b c x w"]:
    """The slices of `observation.lidar` and of a sweep for each of `PAST_S` (None: there is none), packed.

    Raises ValueError for an observation without lidar, or without a history of the ego.
    """
    now, history = observation.lidar, observation.history
    if now is None or history is None:
        raise ValueError("the observation holds no sweep, or no history: ask for them in Needs")
    slices = [height_slices(now.point_m.flatten(1, 2), now.hit.flatten(1))]
    for past in earlier:
        if past is None:
            slices.append(torch.zeros_like(slices[0]))
            continue
        steps, sweep = past
        now_SE2_then = history.pose[:, EGO, -1 - steps].unsqueeze(1)
        known = history.valid[:, EGO, -1 - steps].unsqueeze(1)
        then_m = sweep.point_m.flatten(1, 2)
        point_m = torch.cat(
            (se2.transform_points(now_SE2_then, then_m[..., :2]), then_m[..., 2:]), dim=-1
        )
        slices.append(height_slices(point_m, sweep.hit.flatten(1) & known))
    return packed(torch.cat(slices, dim=1))


class SweepMemory:
    """The sweeps of the last second of a roll-out, all of whose worlds are asked at the same instants."""

    def __init__(self) -> None:
        self._held: list[tuple[Tensor, LidarSweep]] = []

    def look(self, observation: Observation) -> UInt8[Tensor, "b c x w"]:
        """`sweep_bits` of this instant; its sweep is kept for later ones."""
        assert observation.lidar is not None
        most = round(max(PAST_S) / observation.dt_s)
        aged = [(int((observation.step - step)[0]), sweep, step) for step, sweep in self._held]
        aged = [held for held in aged if 0 < held[0] <= most]
        earlier = [_nearest(aged, round(past_s / observation.dt_s)) for past_s in PAST_S]
        bits = sweep_bits(observation, earlier)
        self._held = [(step, sweep) for _, sweep, step in aged]
        self._held.append((observation.step, observation.lidar))
        return bits


def _nearest(aged: list[tuple[int, LidarSweep, Tensor]], steps: int) -> Earlier | None:
    """The one that is about as many steps old."""
    near = [(age, sweep) for age, sweep, _ in aged if abs(age - steps) <= _NEAR_STEPS]
    return min(near, key=lambda held: abs(held[0] - steps), default=None)


def without_earlier(
    sweeps: UInt8[Tensor, "b c x w"], hidden: Bool[Tensor, " b"]
) -> UInt8[Tensor, "b c x w"]:
    """The same, but only the sweep of now in some worlds: so a drive begins."""
    earlier = torch.arange(sweeps.shape[1], device=sweeps.device) >= NUM_SLICES
    gone = hidden.unsqueeze(1) & earlier
    return torch.where(gone[..., None, None], 0, sweeps)


def without_tracks(observation: Observation) -> Observation:
    """The same, but nobody else is known of, nor ever was."""
    history = observation.history
    return replace(
        observation,
        agents=trees.map_tensors(lambda t: t[:, :0], observation.agents),
        history=history and trees.map_tensors(lambda t: t[:, : EGO + 1], history),
    )


def lidar_scene(observation: Observation, sweeps: UInt8[Tensor, "b c x w"]) -> VectorScene:
    """What map, the ego's own motion and the lidar tell; nobody else's track is looked at."""
    return replace(observed_scene(without_tracks(observation)), sweeps=sweeps)


def seen_scene(
    observation: Observation, sweeps: UInt8[Tensor, "b c x w"] | None, sensors: str
) -> VectorScene:
    """What a network is shown that has these sensors; ValueError where sweeps are missing."""
    if sensors == "tracks":
        return observed_scene(observation)
    if sweeps is None:
        raise ValueError("no sweeps: keep them in a SweepMemory, or make examples with them")
    return lidar_scene(observation, sweeps)


def seen_channels(sensors: str) -> int:
    """How many channels `seen_raster` has."""
    return len(CHANNELS) + (_BITS if sensors == "lidar" else 0)


def seen_raster(scene: VectorScene, grid: BevGrid) -> Float[Tensor, "b c x y"]:
    """`scene_raster`, and behind it the slices of each sweep, where the scene has any."""
    image = scene_raster(scene, grid)
    if scene.sweeps is None:
        return image
    bits = regridded(unpacked(scene.sweeps), GRID, grid)
    return torch.cat((image, bits.to(image.dtype)), dim=1)


def body_bits(sweeps: UInt8[Tensor, "b c x w"]) -> Bool[Tensor, "b x y"]:
    """Where the sweep of now has returns from low above the ground to the height of cars; cells of `GRID`."""
    now = unpacked(sweeps[:, :NUM_SLICES])
    return now[:, _BODIES].any(dim=1)


def on_lanes(image: Float[Tensor, "b c x y"]) -> Bool[Tensor, "b x y"]:
    """Where the sweep of now has returns up to the height of cars within two cells of a lane's middle.

    `image` as `seen_raster` makes it.
    """
    lanes = image[:, CHANNELS.index("lane")].abs()
    near = torch.nn.functional.max_pool2d(lanes.unsqueeze(1), 5, stride=1, padding=2).squeeze(1)
    bodies = image[:, len(CHANNELS) : len(CHANNELS) + NUM_SLICES][:, _BODIES]
    return (near > 0) & (bodies > 0).any(dim=1)


def packed(bits: Bool[Tensor, "b c x y"]) -> UInt8[Tensor, "b c x w"]:
    """Eight neighbours along y in a byte, the first one its lowest bit."""
    value = 1 << torch.arange(8, dtype=torch.uint8, device=bits.device)
    return (bits.unflatten(3, (-1, 8)) * value).sum(dim=-1, dtype=torch.uint8)


def unpacked(sweeps: UInt8[Tensor, "b c x w"]) -> Bool[Tensor, "b c x y"]:
    """The inverse of `packed`."""
    value = 1 << torch.arange(8, dtype=torch.uint8, device=sweeps.device)
    return ((sweeps.unsqueeze(-1) & value) > 0).flatten(3)
