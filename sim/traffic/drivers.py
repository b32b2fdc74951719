"""`Drivers`: the agents that have a path, in a place of their own.

Most of those who stand around a recorded scene are parked. What concerns drivers alone is computed
for D drivers instead of N agents.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.paths.paths import Paths
from sim.traffic.path_relations import DriverPairs, DriverZones, Relations


@dataclass(frozen=True)
class Drivers:
    """D drivers a world, in the order of their agents: the ego, which always has a path, is first.

    Padding: an agent without a path, `real` False. L of them `late`: not there from the start.
    """

    agent: Int[Tensor, "b d"]
    route: Int[Tensor, "b d"]  # the path on which each means to end; 0 where not real
    real: Bool[Tensor, "b d"]
    place: Int[Tensor, "b n"]  # of each agent among the drivers; 0 for those who are none
    late: Int[Tensor, "b l"]  # agents; padding: agents with a path that are there from the start
    late_place: Int[Tensor, "b n"]  # of each agent among the late ones; 0 for those who are not
    pairs: DriverPairs
    zones: DriverZones  # of their routes

    @staticmethod
    def of(paths: Paths, relations: Relations, there_at_start: Bool[Tensor, "b n"]) -> "Drivers":
        """Found once for a batch."""
        has_path = paths.agent_path >= 0
        agent, place = compact(has_path)
        late, late_place = compact(has_path & ~there_at_start)
        route = torch.gather(paths.agent_path, 1, agent)
        possible = _possible_paths(paths, agent, route)
        pairs = relations.pairs(paths.row, *possible, num_drivers=agent.shape[1])
        return Drivers(
            agent=agent,
            route=route.clamp(min=0),
            real=route >= 0,
            place=place,
            late=late,
            late_place=late_place,
            pairs=pairs,
            zones=relations.between(paths.row, pairs, route.clamp(min=0)),
        )

    def pick(self, per_agent: Tensor) -> Tensor:
        """`[B, N]` as `[B, D]`, `[B, N, K]` as `[B, D, K]`."""
        return _rows(per_agent, self.agent)

    def spread(self, per_driver: Tensor) -> Tensor:
        """`[B, D]` as `[B, N]`, `[B, D, K]` as `[B, N, K]`; agents that are no drivers get the ego's."""
        return _rows(per_driver, self.place)


@dataclass(frozen=True)
class Place:
    """Where the drivers are, how fast, and how fast they want to be."""

    path: Int[Tensor, "b d"]
    s_m: Float[Tensor, "b d"]
    speed_mps: Float[Tensor, "b d"]
    cruise_mps: Float[Tensor, "b d"]
    size_m: Float[Tensor, "b d 3"]
    present: Bool[Tensor, "b d"]
    waited_s: Float[Tensor, "b d"]

    @property
    def front_s_m(self) -> Float[Tensor, "b d"]:
        """Arc length of the front bumpers."""
        return self.s_m + 0.5 * self.size_m[..., 0]


def _possible_paths(
    paths: Paths, agent: Int[Tensor, "b d"], route: Int[Tensor, "b d"]
) -> tuple[Int[Tensor, "b k"], Int[Tensor, "b k"]]:
    """Every driver and path that it may come to be on; padding: path -1."""
    if paths.lane_changes is None:
        return torch.arange(agent.shape[1], device=agent.device).expand(agent.shape), route
    possible = paths.lane_changes.alternative[paths.row.unsqueeze(1), agent]
    flat = (possible & (route >= 0).unsqueeze(2)).flatten(1)
    kept, _ = compact(flat)
    path = torch.where(torch.gather(flat, 1, kept), kept % possible.shape[2], -1)
    return kept // possible.shape[2], path


def _rows(table: Tensor, index: Int[Tensor, "b k"]) -> Tensor:
    """Rows `index` of each world's `[B, J]` or `[B, J, K]`."""
    if table.ndim == 3:
        index = index.unsqueeze(2).expand(-1, -1, table.shape[2])
    return torch.gather(table, 1, index)


def compact(member: Bool[Tensor, "b n"]) -> tuple[Int[Tensor, "b k"], Int[Tensor, "b n"]]:
    """The members of each world first, K the most in any; and each one's place there (0: no member)."""
    order = torch.argsort(member.int(), dim=1, descending=True, stable=True)
    place = torch.where(member, member.cumsum(dim=1) - 1, 0)
    return order[:, : int(member.sum(dim=1).max())], place
