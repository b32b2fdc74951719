"""The lanes that a car drove along, instant by instant, as nuPlan's metrics assign them.

nuplan-devkit, `planning/metrics/utils/route_extractor`. An assignment remembers the one before: a
car stays in its lanes while they hold it, else it goes on to what follows, else the map is searched.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from sim.compiling import one_operation


@one_operation("driven_lanes", lambda inside, *others: torch.empty_like(inside))
def driven_lanes(
    inside: Tensor, close: Tensor, junction: Tensor, is_connector: Tensor,
    successor: Tensor, last: Tensor,
) -> Tensor:  # fmt: skip
    """The lanes `[B, T, K]` of a car's centre, of several connectors those that it ends up in.

    `inside`, `close` `[B, T, K]`: lanes that hold the centre, or are within 5 m of it; `junction`
    `[B, T]`: it is in an intersection; `is_connector` `[B, K]`, `successor` `[B, K, K]`; `last` `[B]`:
    the last instant that counts. Sequential by nature, so the compiler sees one operation.
    """
    now = torch.zeros_like(inside[:, 0])
    found = []
    for t in range(inside.shape[1]):
        before = now
        now = _followed(before.unsqueeze(1), inside[:, t : t + 1], before, successor).squeeze(1)
        lost = ~now.any(dim=1)
        searched = _searched(inside[:, t], is_connector)
        in_connector = (searched & is_connector).any(dim=1)
        beside = in_connector | (~searched.any(dim=1) & junction[:, t])
        held = before & close[:, t] & is_connector
        hold = lost & beside & held.any(dim=1) & (t > 1)
        now = torch.where(lost.unsqueeze(1), searched, now)
        now = torch.where(hold.unsqueeze(1), held, now)
        found.append(now)
    return _culled(torch.stack(found, dim=1), is_connector, successor, last)


@one_operation("corner_lanes", lambda inside, *others: torch.empty_like(inside))
def corner_lanes(inside: Tensor, is_connector: Tensor, successor: Tensor) -> Tensor:
    """The lanes `[B, T, 4, K]` of a car's corners; at each instant all remember what any was in."""
    known = torch.zeros_like(inside[:, 0, 0])
    found = []
    for t in range(inside.shape[1]):
        now = _followed(known.unsqueeze(1), inside[:, t], known, successor)
        searched = _searched(inside[:, t], is_connector.unsqueeze(1))
        now = torch.where(now.any(dim=-1, keepdim=True), now, searched)
        known = now.any(dim=1)
        found.append(now)
    return torch.stack(found, dim=1)


def in_common_or_connected(
    corners: Bool[Tensor, "b t 4 k"], successor: Bool[Tensor, "b k k"]
) -> Bool[Tensor, "b t"]:
    """nuPlan's "in one lane": a lane common to all corners (front left, rear left, rear right, front
    right), or lanes that follow one another; never with a corner outside every lane.
    """
    front_left, rear_left, rear_right, front_right = corners.unbind(dim=2)
    after = successor.to(torch.float32)
    rear_left_on = rear_left | _reached(rear_left, after)
    rear_right_on = rear_right | _reached(rear_right, after)
    front_left_on = front_left | _reached(front_left, after.transpose(1, 2))
    front_right_on = front_right | _reached(front_right, after.transpose(1, 2))
    rear = (rear_left & rear_right_on) | (rear_right & rear_left_on)
    both = front_left_on & rear_right_on & front_right_on & rear_left_on
    connected = rear.any(dim=-1) & both.any(dim=-1)
    common = corners.all(dim=2).any(dim=-1)
    return corners.any(dim=-1).all(dim=2) & (common | connected)


def first_lane(lanes: Bool[Tensor, "*b k"]) -> Int[Tensor, "*b"]:
    """The lowest number among the lanes of each set; -1 where it is empty."""
    return torch.where(lanes.any(dim=-1), lanes.to(torch.uint8).argmax(dim=-1), -1)


def _followed(before: Tensor, inside: Tensor, known: Tensor, successor: Tensor) -> Tensor:
    """Of the lanes known before those that hold each point; else what follows a single one."""
    same = before & inside
    row = torch.arange(len(known), device=known.device)
    after = successor[row, known.to(torch.uint8).argmax(dim=1)] & (known.sum(dim=1) == 1)[:, None]
    return torch.where(same.any(dim=-1, keepdim=True), same, after.unsqueeze(1) & inside)


def _searched(inside: Tensor, is_connector: Tensor) -> Tensor:
    """The first lane that holds a point; else all connectors that do."""
    lanes = inside & ~is_connector
    first = lanes & (lanes.cumsum(dim=-1) == 1)
    return torch.where(lanes.any(dim=-1, keepdim=True), first, inside)


def _culled(
    lanes: Bool[Tensor, "b t k"], is_connector: Tensor, successor: Tensor, last: Int[Tensor, " b"]
) -> Tensor:
    """Backwards: of several connectors those that the next instant is in, or that lead to its lane."""
    row = torch.arange(len(last), device=lanes.device)
    after = lanes[:, -1]
    found = [after]
    for t in range(lanes.shape[1] - 2, -1, -1):
        now = lanes[:, t]
        more = now.sum(dim=1) > after.sum(dim=1)
        part_of = ~(after & ~now).any(dim=1)
        kept = torch.where((more & part_of).unsqueeze(1), after, now)
        lane = after.to(torch.uint8).argmax(dim=1)
        leads = now & successor[row, :, lane]
        to_lane = after.any(dim=1) & ~is_connector[row, lane] & leads.any(dim=1)
        kept = torch.where(to_lane.unsqueeze(1), leads, kept)
        several = (now.sum(dim=1) > 1) & (t < last)
        after = torch.where(several.unsqueeze(1), kept, now)
        found.append(after)
    return torch.stack(found[::-1], dim=1)


def _reached(lanes: Tensor, edges: Tensor) -> Tensor:
    return torch.einsum("btk,bkj->btj", lanes.to(edges.dtype), edges) > 0.5
