"""The road blocks that the recorded ego drove through, and how far along them others get.

nuplan-devkit, `ego_progress_along_expert_route`: progress is counted along the baseline of the
block that a car is in, while it is in that block or in a later one of the route.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import one_operation
from sim.geometry import polyline
from sim.maps.driven_lanes import driven_lanes, first_lane
from sim.maps.field import MapField
from sim.maps.lane_areas import LaneAreas
from sim.maps.lane_bits import AreaBit
from sim.scenario import EGO, Scenario
from sim.trees import shared

_CLOSE_M = 5.0  # nuPlan's: an ego so far from its connectors, in an intersection, is still in them


@dataclass(frozen=True)
class ExpertRoute:
    """The R blocks of each of M routes, in order.

    `lane`: the lane whose baseline counts, -1: padding. `in_block`: the lanes of each block.
    `jump_m[m, i, j]`: what is left of block i from its baseline's start, and all blocks between it
    and j, less where j's baseline begins: progress from s_i in i to s_j in j is `jump - s_i + s_j`.
    `expert_m`: how far the recorded ego got.
    """

    row: Int[Tensor, " b"]
    lane: Int[Tensor, "m r"] = shared()
    in_block: Bool[Tensor, "m r k"] = shared()
    jump_m: Float[Tensor, "m r r"] = shared()
    expert_m: Float[Tensor, " m"] = shared()

    @staticmethod
    def from_scenarios(
        scenarios: list[Scenario], areas: LaneAreas, field: MapField
    ) -> "ExpertRoute":
        """From the centres of the recorded ego's box."""
        places = [torch.from_numpy(_recorded(scenario)) for scenario in scenarios]
        last = torch.tensor([len(place) - 1 for place in places])
        padded = torch.nn.utils.rnn.pad_sequence(places, batch_first=True)
        driven = driven_by(padded, areas, field, last)
        blocks = [
            _blocks(lanes[: end + 1], block)
            for lanes, block, end in zip(driven, areas.block, last.tolist(), strict=True)
        ]
        tables = [_tables(lanes, row, areas) for row, lanes in enumerate(blocks)]
        lane, in_block, jump = (list(part) for part in zip(*tables, strict=True))
        route = ExpertRoute(
            torch.arange(len(scenarios)),
            trees.stack_padded(lane, fill=-1),
            trees.stack_padded(in_block),
            trees.stack_padded(jump),
            torch.zeros(len(scenarios)),
        )
        gained_m = route.progress_m(padded, areas)
        over = torch.arange(gained_m.shape[1]) > last.unsqueeze(1)
        return replace(route, expert_m=gained_m.masked_fill(over, 0.0).sum(dim=1))

    def progress_m(self, place_m: Float[Tensor, "b t 2"], areas: LaneAreas) -> Float[Tensor, "b t"]:
        """Metres gained at each instant (0 at the first), by cars with these centres."""
        lanes = areas.hold(place_m)
        lane, blocks = self.lane[self.row], self.in_block[self.row]
        holds = torch.einsum("btk,brk->btr", lanes.float(), blocks.float()) > 0.5
        along_m = _along_blocks_m(place_m, lane.clamp(min=0), holds, areas)
        return progress_through(holds, along_m, self.jump_m[self.row])

    @property
    def known(self) -> Bool[Tensor, " b"]:
        """Whether the recorded ego was in any lane at all."""
        return self.lane[self.row, 0] >= 0


def _along_blocks_m(
    place_m: Float[Tensor, "b t 2"],
    lane: Int[Tensor, "b r"],
    holds: Bool[Tensor, "b t r"],
    areas: LaneAreas,
) -> Float[Tensor, "b t r"]:
    """Arc lengths on the baselines of blocks that hold the place, and of the first one at first.

    Compiled code has all others as well: how many there are differs from call to call.
    """
    steps, count = holds.shape[1:]
    if torch.compiler.is_compiling():
        along_m = areas.along_m(place_m.repeat(1, count, 1), lane.repeat_interleave(steps, dim=1))
        return along_m.reshape(len(lane), count, steps).transpose(1, 2).contiguous()
    asked = holds.clone()
    asked[:, 0, 0] = True
    world, instant, block = asked.nonzero(as_tuple=True)
    place = place_m[world, instant].unsqueeze(1)
    found = trees.take(areas, world).along_m(place, lane[world, block].unsqueeze(1))
    return place_m.new_zeros(holds.shape).index_put((world, instant, block), found.squeeze(1))


@one_operation(
    "progress_through", lambda holds, along_m, jump_m: torch.empty_like(along_m[:, :, 0])
)
def progress_through(holds: Tensor, along_m: Tensor, jump_m: Tensor) -> Tensor:
    """Metres gained `[B, T]` through blocks that hold the car `[B, T, R]`, at arc lengths `along_m`.

    Sequential by nature, so the compiler sees one operation.
    """
    world = torch.arange(len(holds), device=holds.device)
    number = torch.arange(holds.shape[2], device=holds.device)
    block = torch.zeros_like(world)
    before_m = along_m[:, 0, 0]
    gained = [torch.zeros_like(before_m)]
    for t in range(1, holds.shape[1]):
        later = holds[:, t] & (number > block.unsqueeze(1))
        inside = holds[world, t, block]
        enters = ~inside & later.any(dim=1)
        new = torch.where(enters, later.to(torch.uint8).argmax(dim=1), block)
        now_m = along_m[world, t, new]
        gain = now_m - before_m + torch.where(enters, jump_m[world, block, new], 0.0)
        counts = inside | enters
        gained.append(torch.where(counts, gain, 0.0))
        before_m = torch.where(counts, now_m, before_m)
        block = new
    return torch.stack(gained, dim=1)


def _recorded(scenario: Scenario) -> np.ndarray:
    """Where the recorded ego was `[T, 2]`, at the instants at which it is known."""
    tracks = scenario.tracks
    return tracks.position_m[EGO, tracks.valid[EGO], :2].astype(np.float32)


def _blocks(driven: Bool[Tensor, "t k"], block: Int[Tensor, " k"]) -> list[int]:
    """The first lane of each block in turn, as numbers of `LaneAreas`."""
    simple: list[Tensor] = []
    for lanes in driven[driven.any(dim=1)]:
        if not simple or not (lanes & simple[-1]).any():
            simple.append(lanes)
    found: list[int] = []
    for lane in (int(first_lane(lanes)) for lanes in simple):
        if not found or block[lane] != block[found[-1]]:
            found.append(lane)
    return found


def driven_by(
    place_m: Float[Tensor, "b t 2"], areas: LaneAreas, field: MapField, last: Int[Tensor, " b"]
) -> Bool[Tensor, "b t k"]:
    """The lanes that cars with these centres drove along (`sim.maps.driven_lanes`)."""
    inside = areas.hold(place_m)
    junction = (field.area_bits_at(place_m) & int(AreaBit.INTERSECTION)) != 0
    return driven_lanes(
        inside, areas.connectors_within(place_m, _CLOSE_M) | inside, junction,
        areas.is_connector[areas.row], areas.successor[areas.row], last,
    )  # fmt: skip


def _tables(lanes: list[int], row: int, areas: LaneAreas) -> tuple[np.ndarray, ...]:
    """Lane `[R]`, in_block `[R, K]`, jump_m `[R, R]` of one route; one row of padding if it is empty."""
    block = areas.block[row].numpy()
    if not lanes:
        return np.full(1, -1), np.zeros((1, len(block)), dtype=bool), np.zeros((1, 1), np.float32)
    lines = [polyline.drop_repeats(areas.baseline_m[row, k].numpy().astype(float)) for k in lanes]

    def on(line: int, point: np.ndarray) -> float:
        return float(polyline.project(lines[line], point[None])[0][0])

    lengths = [float(polyline.arc_length_m(line)[-1]) for line in lines]
    jump = np.zeros((len(lanes), len(lanes)), dtype=np.float32)
    for i in range(len(lanes)):
        between = 0.0
        for j in range(i + 1, len(lanes)):
            jump[i, j] = lengths[i] + between - on(j, lines[i][-1])
            if j + 1 < len(lanes):
                between += on(j, lines[j + 1][0]) - on(j, lines[j - 1][-1])
    in_block = np.stack([block == block[k] for k in lanes])
    return np.array(lanes), in_block, jump
