"""How the paths of a world meet: where each lies along the others, and where they conflict.

Computed once per scenario, so that in a step "where is that car on my path?" and "who crosses my
path, and where?" are gathers instead of searches.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.compiling import materialize
from sim.paths.build import pool_routes
from sim.paths.paths import Paths
from sim.scenario import Route, Scenario
from sim.trees import shared

STRIDE = 2  # metres between the points that are related
NEAR_M = 8.0  # paths farther apart than this have nothing to do with each other
CONFLICT_WIDTH_M = 2.5  # two cars on paths nearer than this touch
_AT_ONCE = 1 << 18  # distances: a megabyte stays in the cache
MAX_ZONES = 2  # conflicts kept per pair of paths, the first along the path
ENTER, LEAVE, OTHER_ENTER, OTHER_LEAVE, KIND, RIGHT_OF_WAY = range(6)  # of a record of a zone
# Kinds of zones; a merge: both go on together. Floats: compiled code packs and unpacks masks one by one.
NO_ZONE, CROSSES, MERGES = -1.0, 0.0, 1.0
_SAME_LANE_M = 1.2
_ALIGNED = 0.8  # cosine between the directions of two paths that run together
_SHARED_M = 6.0  # paths that run together for so long merge there, even if they part again
_LANE_CHANGE_HANDICAP = 5


@dataclass(frozen=True)
class Relations:
    """For paths p and q of a map.

    `s_on_path[m, p, q, k]`: arc length on p nearest to the point `k * STRIDE` of q; -1: far away.
    A conflict zone is a stretch of p, from `ENTER` to `LEAVE`, and one of q, where cars on both would
    touch; in `zone` with its `KIND`. `RIGHT_OF_WAY`: p's minus q's.
    """

    s_on_path: Float[Tensor, "m p q k"] = shared()
    zone: Float[Tensor, "m p q z 6"] = shared()  # one record: a pair reads all of it

    def between(
        self,
        row: Int[Tensor, " b"],
        pairs: "DriverPairs",
        path: Int[Tensor, "b d"],
    ) -> "DriverZones":
        """The zones of pairs of drivers that are on those paths; world b is on map `row[b]`."""
        mine, others = torch.gather(path.unsqueeze(1).expand(-1, 2, -1), 2, pairs.driver).unbind(1)
        num_paths = self.zone.shape[1]
        record = ((row.unsqueeze(1) * num_paths + mine) * num_paths + others) * MAX_ZONES
        (record,) = materialize(record + pairs.number)
        zone = self.zone.flatten(0, 3).index_select(0, record.flatten())
        zone = zone.unflatten(0, record.shape)
        enter, leave, other_enter, other_leave, kind, mine_first = zone.unbind(-1)
        return DriverZones(
            driver=pairs.driver,
            enter_m=torch.stack((enter, other_enter), dim=1),
            leave_m=torch.stack((leave, other_leave), dim=1),
            kind=torch.where(pairs.valid, kind, NO_ZONE).unsqueeze(1),
            right_of_way=torch.stack((mine_first, -mine_first), dim=1),
        )

    def pairs(
        self,
        row: Int[Tensor, " b"],
        driver: Int[Tensor, "b k"],
        path: Int[Tensor, "b k"],
        num_drivers: int,
    ) -> "DriverPairs":
        """Whose paths conflict, or may come to.

        World b is on map `row[b]`; its driver `driver[b, k]` may be on `path[b, k]`; -1: padding.
        """
        first, second = path.clamp(min=0).unsqueeze(2), path.clamp(min=0).unsqueeze(1)
        both = (path >= 0).unsqueeze(2) & (path >= 0).unsqueeze(1)
        zone = self.zone[row.reshape(-1, 1, 1), first, second]
        valid = (zone[..., KIND] != NO_ZONE) & both.unsqueeze(-1)
        pair = driver.unsqueeze(2) * num_drivers + driver.unsqueeze(1)
        number = torch.arange(MAX_ZONES, device=path.device)
        place = (pair.unsqueeze(-1) * MAX_ZONES + number).flatten(1)
        any_valid = torch.zeros(len(path), num_drivers**2 * MAX_ZONES, device=path.device)
        any_valid = any_valid.scatter_reduce(1, place, valid.flatten(1).float(), "amax")
        every = torch.ones(num_drivers, num_drivers, dtype=torch.bool, device=path.device)
        once = every.triu(1).unsqueeze(-1).expand(-1, -1, MAX_ZONES).flatten()
        possible = (any_valid > 0.0) & once
        most = max(1, int(possible.sum(dim=1).max()))
        kept = torch.argsort(possible.int(), dim=1, descending=True, stable=True)[:, :most]
        mine, others = kept // (num_drivers * MAX_ZONES), kept // MAX_ZONES % num_drivers
        return DriverPairs(
            driver=torch.stack((mine, others), dim=1),
            number=kept % MAX_ZONES,
            valid=torch.gather(possible, 1, kept),
        )

    @staticmethod
    def of(scenarios: list[Scenario], of_routes: Paths) -> "Relations":
        """Relate the paths of each scenario with one another; `of_routes`: built from these scenarios."""
        frame, count = of_routes.frame.cpu().numpy(), of_routes.num_points.cpu().numpy()
        pools = [pool_routes(scenario)[0] for scenario in scenarios]
        worlds, paths, points = frame.shape[:3]
        knots = (points + STRIDE - 1) // STRIDE
        s_on_path = np.full((worlds, paths, paths, knots), -1.0, dtype=np.float32)
        zone = np.zeros((worlds, paths, paths, MAX_ZONES, 6), dtype=np.float32)
        zone[..., KIND] = NO_ZONE
        for w, (scenario, routes) in enumerate(zip(scenarios, pools, strict=True)):
            used = len(routes)
            s, offset, aligned = _relate(frame[w, :used], count[w, :used])
            own_knots = slice(0, s.shape[2])
            s_on_path[w, :used, :used, own_knots] = np.where(np.abs(offset) < NEAR_M, s, -1.0)
            for p, q, k, found in _conflicts(s, offset, aligned):
                rank = _rank(scenario, routes[p], found.enter, found.leave)
                other = _rank(scenario, routes[q], found.other_enter, found.other_leave)
                ends = (found.enter, found.leave, found.other_enter, found.other_leave)
                for a, b, values, sign in ((p, q, ends, 1), (q, p, ends[2:] + ends[:2], -1)):
                    kind = MERGES if found.merges else CROSSES
                    zone[w, a, b, k] = (*values, kind, sign * (rank - other))
        return Relations(torch.from_numpy(s_on_path), torch.from_numpy(zone))


@dataclass(frozen=True)
class DriverPairs:
    """Pairs of drivers whose paths conflict, or may where they change lanes; E a world, each once."""

    driver: Int[Tensor, "b 2 e"]
    number: Int[Tensor, "b e"]  # of the zone among those of their paths
    valid: Bool[Tensor, "b e"]


@dataclass(frozen=True)
class DriverZones:
    """The conflict zones of pairs of drivers, E a world, as each of the two sees them.

    `flip(1)` of anything `[B, 2, E]` is the same of the other driver.
    """

    driver: Int[Tensor, "b 2 e"]
    enter_m: Float[Tensor, "b 2 e"]
    leave_m: Float[Tensor, "b 2 e"]
    kind: Float[Tensor, "b 1 e"]
    right_of_way: Float[Tensor, "b 2 e"]

    @property
    def valid(self) -> Bool[Tensor, "b 1 e"]:
        """Which there are; the rest is padding."""
        return self.kind >= CROSSES

    @property
    def merges(self) -> Bool[Tensor, "b 1 e"]:
        """Where both go on together."""
        return self.kind == MERGES

    def of_driver(self, per_driver: Tensor) -> Tensor:
        """`[B, D]` as `[B, 2, E]`."""
        return torch.gather(per_driver.unsqueeze(1).expand(-1, 2, -1), 2, self.driver)

    def least(self, per_zone: Float[Tensor, "*k b 2 e"], like: Float[Tensor, "b d"]) -> Tensor:
        """The least `[*K, B, D]` of each driver's zones; inf: it has none."""
        flat = per_zone.flatten(-2)
        none = like.new_full((*flat.shape[:-1], like.shape[1]), torch.inf)
        driver = self.driver.flatten(1).expand(flat.shape)
        # Stored: torch 2.13's compiled code otherwise reads another reduction's result now and then.
        (least,) = materialize(none.scatter_reduce(-1, driver, flat, "amin"))
        return least


@dataclass(frozen=True)
class _Conflict:
    enter: float
    leave: float
    other_enter: float
    other_leave: float
    merges: bool


def _relate(frame: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each point of path q (every STRIDE): arc length on p, distance to p, cosine of headings.

    All `[P, P, K]` with p first, K as the longest path needs; infinitely far where q has ended.
    """
    knots = torch.from_numpy(frame[:, : count.max() : STRIDE])
    paths, num_knots = knots.shape[:2]
    real = torch.arange(num_knots) * STRIDE < torch.from_numpy(count)[:, None]
    nearest = _nearest(knots[..., :2].contiguous(), real).reshape(paths, -1)
    base = torch.gather(knots, 1, nearest.unsqueeze(-1).expand(-1, -1, 5))
    mine = knots.reshape(1, -1, 5)
    dx, dy = mine[..., 0] - base[..., 0], mine[..., 1] - base[..., 1]
    along = (dx * base[..., 2] + dy * base[..., 3]).clamp(-STRIDE, STRIDE)
    rest_x, rest_y = dx - along * base[..., 2], dy - along * base[..., 3]
    distance = torch.where(real.reshape(1, -1), torch.hypot(rest_x, rest_y), torch.inf)
    aligned = base[..., 2] * mine[..., 2] + base[..., 3] * mine[..., 3]
    shape = (paths, paths, num_knots)
    s_m = nearest * STRIDE + along
    return tuple(t.reshape(shape).numpy() for t in (s_m, distance, aligned))  # type: ignore


def _nearest(knots: Float[Tensor, "p k 2"], real: Bool[Tensor, "p k"]) -> Int[Tensor, "p q k"]:
    """The real knot of each path p that is nearest to every knot of each path q."""
    paths, num_knots = real.shape
    square = (knots**2).sum(-1)
    twice = 2.0 * knots.reshape(-1, 2)
    of_real = torch.where(real, square, torch.inf).reshape(-1)
    block = max(1, _AT_ONCE // num_knots**2)  # paths p at a time
    nearest = np.empty((paths, paths, num_knots), dtype=np.int64)
    for q in range(paths):
        for p in range(0, paths, block):
            part = slice(p * num_knots, (p + block) * num_knots)
            # |a - b|^2 by one matrix product: metres of up to 500, so float32 is right to centimetres.
            gap = (square[q, :, None] + of_real[part]).sub_(knots[q] @ twice[part].T)
            # numpy's search for the least is several times as fast as torch's.
            least = gap.numpy().reshape(num_knots, -1, num_knots).argmin(axis=2)
            nearest[p : p + block, q] = least.T
    return torch.from_numpy(nearest)


def _conflicts(
    s_on_path: np.ndarray, distance: np.ndarray, aligned: np.ndarray
) -> list[tuple[int, int, int, _Conflict]]:
    """The conflict zones of every unordered pair of paths p < q: (p, q, index, zone)."""
    close = distance < CONFLICT_WIDTH_M
    close[..., 1:-1] |= close[..., :-2] & close[..., 2:]  # bridge a gap of one point
    edge = np.diff(close.astype(np.int8), axis=-1, prepend=0, append=0)
    p, q, first = np.nonzero(edge == 1)
    last = np.nonzero(edge == -1)[2] - 1
    keep = p < q
    found: list[tuple[int, int, int, _Conflict]] = []
    seen: dict[tuple[int, int], int] = {}
    for a, b, i, j in zip(p[keep], q[keep], first[keep], last[keep], strict=True):
        starts_together = distance[a, b, i] < _SAME_LANE_M and aligned[a, b, i] > _ALIGNED
        k = seen.get((a, b), 0)
        if starts_together or k == MAX_ZONES:
            continue
        seen[a, b] = k + 1
        inside = s_on_path[a, b, i : j + 1]
        together = (distance[a, b, i : j + 1] < _SAME_LANE_M) & (
            aligned[a, b, i : j + 1] > _ALIGNED
        )
        merges = int(together.sum()) * STRIDE >= _SHARED_M or bool(together[-1])
        conflict = _Conflict(
            enter=float(inside.min()) - 0.5 * STRIDE,
            leave=float(inside.max()) + 0.5 * STRIDE,
            other_enter=float(i * STRIDE) - 0.5 * STRIDE,
            other_leave=float(j * STRIDE) + 0.5 * STRIDE,
            merges=merges,
        )
        found.append((int(a), int(b), k, conflict))
    return found


def _rank(scenario: Scenario, route: Route, enter: float, leave: float) -> int:
    """Right of way of a path in a zone: that of the lane it comes on, less if it changes lanes."""
    lanes, of_point = scenario.map.lanes, route.lane_of_point
    last = len(of_point) - 1
    probe = np.array((enter + 1.0, min(leave, enter + 6.0), enter + 20.0)).round().astype(int)
    entered, inside, after = of_point[probe.clip(0, last)]
    if entered < 0:
        return 0
    rank = max(lanes[entered].priority, lanes[inside].priority) if inside >= 0 else 0
    for changed_to in (inside, after):
        if changed_to in (lanes[entered].left_neighbor, lanes[entered].right_neighbor):
            return rank - _LANE_CHANGE_HANDICAP
    return rank
