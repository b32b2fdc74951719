"""Tracks of a ScenarioNet scenario, in the dataset's frame (float64 positions)."""

from collections import Counter

import numpy as np

from sim.errors import InputError
from sim.scenario import AgentKind, Tracks
from sim.sources.motion import velocities_mps

_KINDS = {
    "VEHICLE": AgentKind.VEHICLE,
    "CYCLIST": AgentKind.CYCLIST,
    "PEDESTRIAN": AgentKind.PEDESTRIAN,
}


def read_tracks(raw: dict, ego_id: str, length: int) -> tuple[Tracks, list[str]]:
    """All usable tracks, the ego first; notes count those that were dropped, by reason.

    The episode ends at the ego's last recorded instant. Raises InputError where the ego is missing,
    or absent in between, or where a recorded value is not a number.
    """
    if ego_id not in raw:
        raise InputError(f"tracks: the ego {ego_id!r} is missing")
    present = _column(raw[ego_id], ego_id, "valid", length) > 0
    if not present[0]:
        raise InputError(f"tracks.{ego_id}.valid: the ego is not there at t = 0")
    last = int(np.flatnonzero(present)[-1])
    if not present[: last + 1].all():
        raise InputError(
            f"tracks.{ego_id}.valid: the ego vanishes at step {int(np.argmin(present))}"
        )
    dropped: Counter[str] = Counter()
    kept, rows, swapped = [], [], False
    for name in [ego_id, *(k for k in raw if k != ego_id)]:
        valid = _column(raw[name], name, "valid", length)[: last + 1] > 0
        position = _column(raw[name], name, "position", length)[: last + 1]
        yaw = _column(raw[name], name, "heading", length)[: last + 1]
        size = [
            _column(raw[name], name, k, length)[: last + 1] for k in ("length", "width", "height")
        ]
        if not valid.any():
            dropped["never valid"] += 1
            continue
        for field, values in (("position", position), ("heading", yaw), ("length", size[0])):
            _finite(values, valid, name, field)
        extent = np.array([np.median(s[valid]) for s in size])
        if (extent <= 0).any():
            if name == ego_id:
                raise InputError(f"tracks.{name}: size {extent.tolist()} is not positive")
            dropped["size not positive"] += 1
            continue
        if name == ego_id and extent[0] < extent[1]:
            extent = extent[[1, 0, 2]]
            swapped = True
        kept.append(name)
        rows.append((valid, position, yaw, extent))
    notes = [f"dropped {count} tracks: {reason}" for reason, count in sorted(dropped.items())]
    if swapped:
        notes.append("the ego's length and width were swapped in the file")
    if last + 1 < length:
        notes.append(f"ends at step {last}, where the ego's recording ends")
    time_s = 0.1 * np.arange(last + 1)
    valid = np.stack([row[0] for row in rows])
    position = np.stack([row[1] for row in rows])
    if position.shape[-1] == 2:
        position = np.concatenate((position, np.zeros_like(position[..., :1])), axis=-1)
    return (
        Tracks(
            track_id=kept,
            category=[str(raw[k].get("metadata", {}).get("type", raw[k]["type"])) for k in kept],
            kind=np.array([_KINDS.get(raw[k]["type"], AgentKind.OBJECT) for k in kept], np.int64),
            size_m=np.stack([row[3] for row in rows]).astype(np.float32),
            position_m=position,
            yaw_rad=np.where(valid, np.stack([row[2] for row in rows]), 0.0).astype(np.float32),
            # The files' own velocities are unreliable.
            velocity_mps=np.stack(
                [velocities_mps(v, p[:, :2], time_s) for v, p, _, _ in rows]
            ).astype(np.float32),
            valid=valid,
        ),
        notes,
    )


def _column(track: dict, name: str, field: str, length: int) -> np.ndarray:
    values = np.asarray(track["state"][field], dtype=np.float64)
    if len(values) < length:
        raise InputError(f"tracks.{name}.{field}: {len(values)} of {length} instants")
    return (
        values[:length, 0]
        if field in ("length", "width", "height") and values.ndim == 2
        else values[:length]
    )


def _finite(values: np.ndarray, valid: np.ndarray, name: str, field: str) -> None:
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1) & valid
    if bad.any():
        raise InputError(f"tracks.{name}.{field}: not a number at step {int(bad.argmax())}")
