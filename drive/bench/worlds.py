"""The worlds that are benched: so many agents on generated or recorded maps, or among clutter."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sim.errors import InputError
from sim.geometry import polyline
from sim.interface import Needs
from sim.scenario import AgentKind, Lights, Route, Scenario, Tracks
from sim.simulator import Simulator
from sim.sources.finding import find, source_of
from sim.sources.loading import load
from sim.sources.query import SourceQuery

GENERATED = "generated"
CLUTTERED = ("cluttered", "uneven")  # for the lidar: random cars and obstacles, on a plane or hills
DISTINCT = 12  # maps generated; of recorded ones, all that have a driver
CAR_M = (4.5, 1.9, 1.6)
APART_M = 10
_SPEED_MPS = 5.0


def bench_simulator(maps: str, agents: int, needs: Needs) -> Simulator:
    """A small batch of distinct worlds, everything made that a step and the metrics need.

    `maps`: "generated", one of CLUTTERED, or a folder of recorded or saved scenarios, of which those
    without room for so many agents are left out. InputError where none is left.
    """
    if maps in CLUTTERED:
        from drive.bench.clutter import cluttered

        scenarios = [cluttered(k, agents, maps == "uneven") for k in range(DISTINCT)]
        return Simulator.from_scenarios(scenarios, "idm", needs)
    scenarios, reasons = [], []
    for scenario in _scenarios(maps):
        try:
            scenarios.append(crowd(scenario, agents))
        except InputError as error:
            reasons.append(str(error))
    if not scenarios:
        raise InputError(f"--agents {agents}: {'; '.join(reasons)}")
    return Simulator.from_scenarios(scenarios, "idm", needs)


def repeat(simulator: Simulator, count: int) -> Simulator:
    """`count` worlds, those of a small batch over and over; the maps are shared."""
    world = simulator.world
    return simulator.take(torch.arange(count, device=world.size_m.device) % world.num_worlds)


def crowd(scenario: Scenario, agents: int) -> Scenario:
    """The scenario with `agents` that are there at its start: the nearest, or with cars added.

    Those drive on the routes of the others; where these are full, they stand in lanes. InputError
    where there is no room.
    """
    tracks = scenario.tracks
    here = np.flatnonzero(tracks.valid[:, 0])
    gap = np.linalg.norm(tracks.position_m[here, 0, :2] - tracks.position_m[0, 0, :2], axis=1)
    kept = here[np.argsort(gap, kind="stable")[:agents]]
    routes = [scenario.routes[k] for k in kept]
    cut = Tracks(
        track_id=[tracks.track_id[k] for k in kept],
        category=[tracks.category[k] for k in kept],
        **{name: getattr(tracks, name)[kept] for name in _ARRAYS},
    )
    missing = agents - len(kept)
    if missing > 0:
        new, own = _added(scenario, cut, missing)
        cut = Tracks(
            track_id=cut.track_id + new.track_id,
            category=cut.category + new.category,
            **{k: np.concatenate((getattr(cut, k), getattr(new, k))) for k in _ARRAYS},
        )
        routes += own
    styles = scenario.styles and scenario.styles.of_agents(np.resize(kept, agents))
    return replace(scenario, tracks=cut, routes=routes, styles=styles)


_ARRAYS = ("kind", "size_m", "position_m", "yaw_rad", "velocity_mps", "valid")


def _scenarios(maps: str) -> list[Scenario]:
    if maps == GENERATED:
        query = SourceQuery(count=DISTINCT)
    else:
        query = SourceQuery(source=source_of(Path(maps)), path=Path(maps))
    loaded, skipped = load(find(query))
    if not loaded:
        reason = skipped[0]["reason"] if skipped else "nothing there"
        raise InputError(f"--maps {maps}: no scenario can be used ({reason})")
    steps = min(scenario.num_instants for _, scenario in loaded)
    return [_shortened(scenario, steps) for _, scenario in loaded]


def _shortened(scenario: Scenario, steps: int) -> Scenario:
    """The first `steps` instants: all worlds of a bench end together."""
    tracks, lights = scenario.tracks, scenario.lights
    cut = {
        k: getattr(tracks, k)[:, :steps] for k in ("position_m", "yaw_rad", "velocity_mps", "valid")
    }
    return replace(
        scenario,
        tracks=replace(tracks, **cut),
        lights=Lights(lights.state[:, :steps], lights.position_m),
        keyframe=scenario.keyframe[:steps],
    )


def _added(scenario: Scenario, there: Tracks, count: int) -> tuple[Tracks, list[Route | None]]:
    """Cars `APART_M` from everybody: driving at 5 m/s on the routes; then standing in the lanes."""
    routes = {id(r): r for r in scenario.routes if r is not None}.values()
    lines = [(route.path_m, route) for route in routes]
    lines += [(polyline.resample(lane.centerline_m, 1.0), None) for lane in scenario.map.lanes]
    taken, places, own = there.position_m[:, 0, :2], [], []
    for line, route in lines:
        for k in range(APART_M // 2, len(line) - APART_M, APART_M):
            if np.linalg.norm(taken - line[k], axis=1).min() < APART_M:
                continue
            ahead = line[k + 1] - line[k - 1]
            places.append((*line[k], np.arctan2(ahead[1], ahead[0])))
            own.append(route)
            taken = np.concatenate((taken, line[k][None]))
    if len(places) < count:
        have = len(there.track_id) + len(places)
        raise InputError(f"{scenario.scenario_id}: room for {have} agents at most")
    own = own[:count]
    x, y, yaw = np.array(places[:count]).T
    speed = np.array([0.0 if route is None else _SPEED_MPS for route in own])
    velocity = speed[:, None] * np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
    position = np.stack((x, y, np.full(count, CAR_M[2] / 2)), axis=-1)
    instants = there.valid.shape[1]

    def held(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[:, None], instants, axis=1).astype(np.float32)

    tracks = Tracks(
        track_id=[f"added{k}" for k in range(count)],
        category=["vehicle.car"] * count,
        kind=np.full(count, AgentKind.VEHICLE, dtype=there.kind.dtype),
        size_m=np.tile(np.array(CAR_M, dtype=np.float32), (count, 1)),
        position_m=held(position),
        yaw_rad=held(yaw),
        velocity_mps=held(velocity),
        valid=np.ones((count, instants), dtype=bool),
    )
    return tracks, own
