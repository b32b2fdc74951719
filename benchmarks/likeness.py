"""How like recorded traffic is generated traffic? Distributions side by side, and their distances.

    python benchmarks/likeness.py --data DIR --count 240 [--plot docs/images/likeness.png]

DIR holds `nuscenes_mini_scenarionet`, `av2_motion_forecasting`, `av2`, `commonroad_ngsim`. Of moving
vehicles: speed, acceleration, time headway, time to collision with the leader, duration of lane changes.
Each is a histogram; the distance of two is Jensen and Shannon's (base 2: 0 equal, 1 disjoint).
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from sim.geometry import polyline
from sim.scenario import AgentKind, Scenario
from sim.sources.finding import find
from sim.sources.loading import load
from sim.sources.query import SourceQuery

Array = np.ndarray
MOVING_MPS = 0.5
_LEADER_M, _BESIDE_M, _ALIGNED_RAD = 60.0, 1.5, 0.5
_SMOOTH_S = 0.5
_DRIFT_MPS = 0.15  # slower sideways than this: the lane change has begun, or is over
_SIDE_M = 2.5  # from a centreline: still in that lane
RECORDED = {
    "nuscenes_mini_scenarionet": "scenarionet",
    "av2": "argoverse2",
    "av2_motion_forecasting": "argoverse2_motion",
    "commonroad_ngsim": "commonroad",
}
# quantity: bins, unit
BINS: dict[str, tuple[Array, str]] = {
    "speed": (np.linspace(0, 25, 26), "m/s"),
    "acceleration": (np.linspace(-4, 4, 33), "m/s2"),
    "headway": (np.linspace(0, 6, 25), "s"),
    "time to collision": (np.linspace(0, 10, 21), "s"),
    "lane change": (np.linspace(0, 12, 13), "s"),
}


def measure(scenarios: list[Scenario]) -> dict[str, Array]:
    """Every quantity's values, of all vehicles and instants together."""
    found: dict[str, list[Array]] = {name: [] for name in BINS}
    for scenario in scenarios:
        for name, values in _of_scenario(scenario).items():
            found[name].append(values)
    return {name: np.concatenate(values or [np.zeros(0)]) for name, values in found.items()}


def _of_scenario(scenario: Scenario) -> dict[str, Array]:
    tracks, dt_s = scenario.tracks, scenario.dt_s
    car = tracks.kind == AgentKind.VEHICLE
    valid = tracks.valid[car]
    place, yaw = tracks.position_m[car, :, :2].astype(float), tracks.yaw_rad[car].astype(float)
    heading = np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
    speed = (tracks.velocity_mps[car] * heading).sum(-1)
    moves = valid & (speed > MOVING_MPS)
    headway, ttc = _behind_leader(place, yaw, speed, valid, tracks.size_m[car, 0])
    window = max(1, round(_SMOOTH_S / dt_s))
    push = (speed[:, window:] - speed[:, :-window]) / (window * dt_s)
    there = np.lib.stride_tricks.sliding_window_view(moves, window + 1, axis=1).all(-1)
    return {
        "speed": speed[moves],
        "acceleration": push[there],
        "headway": headway[moves & (speed > 1.0) & np.isfinite(headway)],
        "time to collision": ttc[moves & np.isfinite(ttc)],
        "lane change": _lane_changes(scenario, place, yaw, moves),
    }


def _behind_leader(
    place: Array, yaw: Array, speed: Array, valid: Array, length: Array
) -> tuple[Array, Array]:
    """Time headway and time to collision `[N, T]` with whoever is next ahead; inf: nobody."""
    delta = place[None] - place[:, None]
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    ahead = delta[..., 0] * cos + delta[..., 1] * sin
    beside = delta[..., 1] * cos - delta[..., 0] * sin
    turned = (yaw[None] - yaw[:, None] + np.pi) % (2 * np.pi) - np.pi
    leads = (ahead > 0) & (ahead < _LEADER_M) & (np.abs(beside) < _BESIDE_M)
    leads &= (np.abs(turned) < _ALIGNED_RAD) & valid[None] & valid[:, None]
    gap = np.where(leads, ahead - 0.5 * (length[None, :, None] + length[:, None, None]), np.inf)
    leader = gap.argmin(axis=1)
    nearest = np.take_along_axis(gap, leader[:, None], axis=1)[:, 0].clip(0.0)
    closing = (
        speed
        - np.take_along_axis(np.broadcast_to(speed[None], gap.shape), leader[:, None], 1)[:, 0]
    )
    headway = nearest / np.maximum(speed, 0.1)
    return headway, np.where(closing > 0.5, nearest / np.maximum(closing, 0.1), np.inf)


def _lane_changes(scenario: Scenario, place: Array, yaw: Array, moves: Array) -> Array:
    """Seconds from the first to the last sideways motion of each change into a lane beside."""
    lanes = scenario.map.lanes
    beside = {
        (k, other)
        for k, lane in enumerate(lanes)
        for other in (lane.left_neighbor, lane.right_neighbor)
        if other >= 0
    }
    if not beside:
        return np.zeros(0)
    durations = []
    for own_place, own_yaw, own_moves in zip(place, yaw, moves, strict=True):
        instants = np.flatnonzero(own_moves)
        if len(instants) < round(4.0 / scenario.dt_s):
            continue
        lane = _lane_of(scenario, own_place[instants], own_yaw[instants])
        for k in np.flatnonzero(lane[1:] != lane[:-1]) + 1:
            if (lane[k - 1], lane[k]) in beside and instants[k] == instants[k - 1] + 1:
                duration = _sideways_steps(scenario, own_place[instants], lane[k], k)
                if duration is not None:
                    durations.append(duration * scenario.dt_s)
    return np.array(durations)


def _lane_of(scenario: Scenario, place: Array, yaw: Array) -> Array:
    """The lane whose centreline is nearest of those that run the same way; -1: none is near."""
    best, lane = np.full(len(place), _SIDE_M), np.full(len(place), -1)
    low, high = place.min(0) - _SIDE_M, place.max(0) + _SIDE_M
    for k, one in enumerate(scenario.map.lanes):
        line = one.centerline_m.astype(float)
        if (line.max(0) < low).any() or (line.min(0) > high).any():
            continue
        s, offset = polyline.project(line, place)
        at = np.clip(np.searchsorted(polyline.arc_length_m(line), s), 0, len(line) - 1)
        same = np.cos(polyline.headings_rad(line)[at] - yaw) > np.cos(_ALIGNED_RAD)
        nearer = same & (np.abs(offset) < best)
        best[nearer], lane[nearer] = np.abs(offset[nearer]), k
    return lane


def _sideways_steps(scenario: Scenario, place: Array, lane: int, middle: int) -> int | None:
    """How many steps around `middle` the motion is sideways, as the lane entered sees it."""
    line = scenario.map.lanes[lane].centerline_m.astype(float)
    _, offset = polyline.project(line, place)
    window = max(1, round(_SMOOTH_S / scenario.dt_s))
    drift = np.abs(offset[window:] - offset[:-window]) / (window * scenario.dt_s)
    still = drift < _DRIFT_MPS
    middle = int(np.clip(middle - window // 2, 0, len(still) - 1))
    before, after = np.flatnonzero(still[:middle]), np.flatnonzero(still[middle:])
    if not len(before) or not len(after):
        return None  # begun before, or not over at the end
    return int(middle + after[0] - before[-1])


def recorded(data: Path) -> dict[str, list[Scenario]]:
    """The given pieces of each data set, by folder."""
    found = {}
    for folder, source in RECORDED.items():
        if (data / folder).is_dir():
            loaded, _ = load(find(SourceQuery(source=source, path=data / folder)))
            found[folder] = [scenario for _, scenario in loaded]
    return found


def generated(count: int, styled: bool) -> list[Scenario]:
    """Recorded drives of generated scenarios, all families in turn; drivers with styles or all alike."""
    from sim.sources.procedural import ALL_FAMILIES, numbered_draft
    from sim.sources.procedural.ids import GeneratedId
    from sim.sources.procedural.record import record

    ids = [GeneratedId(ALL_FAMILIES[k % len(ALL_FAMILIES)], "train", 0, k) for k in range(count)]
    drafts = [numbered_draft(one, 15.0) for one in ids]
    if not styled:
        drafts = [replace(d, scenario=replace(d.scenario, styles=None)) for d in drafts]
    return record(drafts)


def histogram(values: Array, bins: Array) -> Array:
    """Shares; what lies beyond the last bin is left out."""
    counts, _ = np.histogram(values, bins)
    return counts / max(counts.sum(), 1)


def plot(measured: dict[str, dict[str, Array]], path: Path) -> None:
    """A panel for each quantity."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(BINS), figsize=(3.4 * len(BINS), 2.8), layout="constrained"
    )
    for panel, (name, (bins, unit)) in zip(panels, BINS.items(), strict=True):
        for who, values in measured.items():
            panel.stairs(histogram(values[name], bins), bins, label=who)
        panel.set(title=name, xlabel=unit, yticks=[])
    panels[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the table of distances; draw the distributions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    real = recorded(options.data)
    together = [scenario for scenarios in real.values() for scenario in scenarios]
    measured = {
        "recorded": measure(together),
        "uniform drivers": measure(generated(options.count, styled=False)),
        "drivers with styles": measure(generated(options.count, styled=True)),
    }
    for folder, scenarios in real.items():
        print(f"{folder}: {len(scenarios)} scenarios")
    print(f"{'':20s}" + "".join(f"{name:>20s}" for name in BINS))
    for who, values in measured.items():
        print(f"{who:20s}" + "".join(f"{len(values[name]):20d}" for name in BINS))
    for who in list(measured)[1:]:
        from scipy.spatial.distance import jensenshannon

        gaps = [
            jensenshannon(histogram(measured["recorded"][name], bins),
                          histogram(measured[who][name], bins), base=2)
            for name, (bins, _) in BINS.items()
        ]  # fmt: skip
        print(f"{who:20s}" + "".join(f"{gap:20.3f}" for gap in gaps))
    if options.plot:
        plot(measured, options.plot)


if __name__ == "__main__":
    main()
