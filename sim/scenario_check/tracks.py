"""What the tracks of a scenario must fulfil."""

import numpy as np

from sim.errors import InputError
from sim.scenario import EGO, AgentKind, Tracks
from sim.scenario_check.values import (
    FARTHEST_M,
    require_array,
    require_bounded,
    require_text,
    require_type,
)

_MOST_AGENTS, _MOST_INSTANTS = 5_000, 36_000  # an hour at 10 Hz
_MOST_STATES = 20_000_000
_SIZE_M = (0.01, 200.0)  # the longest train that is one box
_LARGEST = {"position_m": FARTHEST_M, "yaw_rad": 1000.0, "velocity_mps": 1000.0}


def check_tracks(tracks: Tracks, dt_s: float) -> None:
    """Raise InputError for the first thing that is wrong."""
    require_array("tracks.valid", tracks.valid, (None, None), "b")
    agents, instants = tracks.valid.shape
    if agents == 0:
        raise InputError("tracks: no agents, and so no ego")
    if instants < 2:
        raise InputError(f"tracks.valid: {instants} instants; at least two are needed")
    require_room(agents, instants)
    _check_names(tracks, agents)
    _check_kinds_and_sizes(tracks, agents)
    shapes = {"position_m": (3,), "yaw_rad": (), "velocity_mps": (2,)}
    for name, rest in shapes.items():
        values = getattr(tracks, name)
        require_array(f"tracks.{name}", values, (agents, instants, *rest), "f")
        there = tracks.valid.reshape(agents, instants, *(1 for _ in rest))
        require_bounded(
            f"tracks.{name}",
            np.where(there, values, 0.0),
            _LARGEST[name],
            lambda n, t, *_: f"agent {tracks.track_id[n]}, step {t} ({t * dt_s:.1f} s)",
        )
    if not tracks.valid[EGO, 0]:
        raise InputError(
            f"tracks.valid: the ego, agent {tracks.track_id[EGO]}, is not there at t = 0"
        )


def require_room(agents: int, instants: int) -> None:
    """Raise InputError for more than a scenario may have; readers ask before they allocate."""
    if agents > _MOST_AGENTS or instants > _MOST_INSTANTS or agents * instants > _MOST_STATES:
        raise InputError(
            f"tracks: {agents} agents at {instants} instants; at most {_MOST_AGENTS}, "
            f"{_MOST_INSTANTS}, and {_MOST_STATES} together"
        )


def require_lights(lights: int, instants: int) -> None:
    """Raise InputError for more lights than a scenario may have; readers ask before they allocate."""
    if lights * instants > _MOST_STATES:
        raise InputError(
            f"lights: {lights} at {instants} instants; at most {_MOST_STATES} together"
        )


def _check_names(tracks: Tracks, agents: int) -> None:
    for name in ("track_id", "category"):
        names = getattr(tracks, name)
        require_type(f"tracks.{name}", names, list)
        if len(names) != agents:
            raise InputError(f"tracks.{name}: {len(names)} for {agents} agents")
        for n, text in enumerate(names):
            require_text(f"tracks.{name}[{n}]", text)
    if len(set(tracks.track_id)) < agents:
        twice = next(one for k, one in enumerate(tracks.track_id) if one in tracks.track_id[:k])
        raise InputError(f"tracks.track_id: {twice!r} twice")


def _check_kinds_and_sizes(tracks: Tracks, agents: int) -> None:
    require_array("tracks.kind", tracks.kind, (agents,), "i")
    odd = ~np.isin(tracks.kind, [int(kind) for kind in AgentKind])
    if odd.any():
        n = int(odd.argmax())
        raise InputError(
            f"tracks.kind: agent {tracks.track_id[n]}: {tracks.kind[n]} is no AgentKind"
        )
    require_array("tracks.size_m", tracks.size_m, (agents, 3), "f")
    low, high = _SIZE_M
    bad = ~((tracks.size_m >= low) & (tracks.size_m <= high)).all(axis=1)
    if bad.any():
        n = int(bad.argmax())
        size = tracks.size_m[n].tolist()
        what = "is not positive" if min(size) <= 0 else f"is not {low} to {high:g} m"
        raise InputError(f"tracks.size_m: agent {tracks.track_id[n]}: {size} {what}")
