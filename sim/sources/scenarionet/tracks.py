"""Tracks of a ScenarioNet scenario, in the dataset's frame (float64 positions)."""

from collections import Counter

import numpy as np
from jaxtyping import Bool, Float

from sim.errors import InputError
from sim.scenario import EGO, AgentKind, Tracks
from sim.scenario_check.tracks import require_room
from sim.sources.clock import Clock
from sim.sources.motion import velocities_mps
from sim.sources.nuscenes.ego import REAR_AXLE_TO_CENTER_M
from sim.sources.scenarionet.points import require_precise

_KINDS = {
    "VEHICLE": AgentKind.VEHICLE,
    "CYCLIST": AgentKind.CYCLIST,
    "PEDESTRIAN": AgentKind.PEDESTRIAN,
}
_HEIGHT_M = {
    AgentKind.VEHICLE: 1.6, AgentKind.CYCLIST: 1.7, AgentKind.PEDESTRIAN: 1.75, AgentKind.OBJECT: 1.0
}  # fmt: skip
_FARTHEST_M, _LARGEST_RAD, _LONGEST_M = 1e8, 1e3, 200.0
# The box that ScenarioNet's nuScenes converter gives the ego, whose position is the rear axle's.
_NUSCENES_EGO_M = (4.08, 1.73)
_CONVERTER_CLOCK = (
    "accelerations, and so comfort, mean nothing: the converter counts key frames that are 0.40 to "
    "0.60 s apart as 0.5 s"
)


def read_tracks(raw: dict, ego_id: str, clock: Clock, dataset: str) -> tuple[Tracks, list[str]]:
    """All usable tracks on the clock, the ego first; notes say what was dropped or repaired.

    The episode ends at the ego's last recorded instant. Raises InputError where the ego is missing,
    or absent in between, or where a recorded value is not a number.
    """
    raw = {str(name): track for name, track in raw.items()}
    if ego_id not in raw:
        raise InputError(f"tracks: the ego {ego_id!r} is missing")
    length = len(clock.recorded_s)
    _check_ego(_column(raw[ego_id], ego_id, "valid", length) > 0, ego_id)
    require_room(len(raw), max(length, len(clock.time_s)))
    dropped: Counter[str] = Counter()
    kept, rows, notes = [], [], []
    for name in [ego_id, *(k for k in raw if k != ego_id)]:
        try:
            row, reason = _row(raw[name], name, length)
        except KeyError as error:
            raise InputError(f"tracks.{name}: field {error} is missing") from None
        except (TypeError, IndexError) as error:
            raise InputError(f"tracks.{name}: {error}") from None
        if row is None:
            if name == ego_id:
                raise InputError(f"tracks.{name}: {reason}")
            dropped[reason] += 1
            continue
        kept.append(name)
        rows.append(row)
    notes += [f"dropped {count} tracks: {reason}" for reason, count in sorted(dropped.items())]
    kinds = [_KINDS.get(str(raw[name]["type"]), AgentKind.OBJECT) for name in kept]
    size = np.stack([row[2] for row in rows])
    notes += _mend_sizes(size, kinds)
    moved = [clock.resampled(row[0], row[1]) for row in rows]
    last = int(np.flatnonzero(moved[EGO][1])[-1])
    if last + 1 < len(clock.time_s):
        notes.append(f"ends at step {last}, where the ego's recording ends")
    value = np.stack([one[0] for one in moved])[:, : last + 1]
    valid = np.stack([one[1] for one in moved])[:, : last + 1]
    position, yaw = value[..., :3], np.arctan2(value[..., 4], value[..., 3])
    if dataset == "nuscenes" and np.allclose(size[EGO, :2], _NUSCENES_EGO_M, atol=0.02):
        ahead = np.stack((np.cos(yaw[EGO]), np.sin(yaw[EGO])), axis=-1)
        position[EGO, :, :2] += REAR_AXLE_TO_CENTER_M * ahead
        notes.append(f"the ego's box is centred {REAR_AXLE_TO_CENTER_M} m ahead of its rear axle")
        notes.append(_CONVERTER_CLOCK)
    time_s = clock.time_s[: last + 1]
    # The files' own velocities are unreliable.
    velocity = [velocities_mps(v, p[:, :2], time_s) for v, p in zip(valid, position, strict=True)]
    return (
        Tracks(
            track_id=kept,
            category=[str(raw[k].get("metadata", {}).get("type", raw[k]["type"])) for k in kept],
            kind=np.array(kinds, dtype=np.int64),
            size_m=size.astype(np.float32),
            position_m=position,
            yaw_rad=np.where(valid, yaw, 0.0).astype(np.float32),
            velocity_mps=np.stack(velocity).astype(np.float32),
            valid=valid,
        ),
        notes,
    )


def _check_ego(present: Bool[np.ndarray, " t"], ego_id: str) -> None:
    """The ego is there from the first instant to its last, without a hole."""
    if not present[0]:
        raise InputError(f"tracks.{ego_id}.valid: the ego is not there at t = 0")
    last = int(np.flatnonzero(present)[-1])
    if not present[: last + 1].all():
        raise InputError(
            f"tracks.{ego_id}.valid: the ego vanishes at step {int(np.argmin(present))}"
        )


def _row(
    track: dict, name: str, length: int
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray] | None, str]:
    """x, y, z, cos and sin of the heading `[T, 5]`, valid `[T]`, size `[3]`; or why there is none.

    The height is NaN where the file has none. InputError names what is not a number.
    """
    valid = _column(track, name, "valid", length) > 0
    if not valid.any():
        return None, "never valid"
    position = _column(track, name, "position", length)
    yaw = _column(track, name, "heading", length)
    _finite(position[:, :2], valid, name, "position", _FARTHEST_M)
    _finite(yaw, valid, name, "heading", _LARGEST_RAD)
    height = np.nan_to_num(position[:, 2]) if position.shape[1] > 2 else np.zeros(length)
    extent = []
    for field in ("length", "width"):
        values = _column(track, name, field, length)
        _finite(values, valid, name, field, _LONGEST_M)
        extent.append(float(np.median(values[valid])))
    tall = _column(track, name, "height", length)
    known = valid & np.isfinite(tall) & (tall > 0) & (tall < _LONGEST_M)
    extent.append(float(np.median(tall[known])) if known.any() else np.nan)
    if min(extent[:2]) <= 0:
        return None, "size not positive"
    value = np.column_stack((position[:, :2], height, np.cos(yaw), np.sin(yaw)))
    return (value, valid, np.array(extent)), ""


def _mend_sizes(size_m: Float[np.ndarray, "n 3"], kinds: list[AgentKind]) -> list[str]:
    """In place: the ego's length along its heading, heights where the file has none."""
    notes = []
    if size_m[EGO, 0] < size_m[EGO, 1]:
        size_m[EGO, :2] = size_m[EGO, 1::-1]
        notes.append("the ego's length and width were swapped in the file")
    unknown = np.isnan(size_m[:, 2])
    size_m[unknown, 2] = [_HEIGHT_M[kinds[n]] for n in np.flatnonzero(unknown)]
    if unknown.any():
        notes.append(f"{int(unknown.sum())} tracks without a height: that usual for their kind")
    return notes


def _column(track: dict, name: str, field: str, length: int) -> np.ndarray:
    raw = np.asarray(track["state"][field])
    if raw.dtype.kind not in "biuf" or raw.ndim > 2:
        raise InputError(f"tracks.{name}.{field}: {raw.dtype} of shape {raw.shape}, no numbers")
    if field == "position":
        require_precise(raw, f"tracks.{name}.{field}")
    values = raw.astype(np.float64)
    if values.ndim == 0 or len(values) < length:
        raise InputError(f"tracks.{name}.{field}: {values.size} of {length} instants")
    return (
        values[:length, 0]
        if field in ("length", "width", "height") and values.ndim == 2
        else values[:length]
    )


def _finite(values: np.ndarray, valid: np.ndarray, name: str, field: str, largest: float) -> None:
    for what, good in (
        ("not a number", np.isfinite(values)),
        (f"more than {largest:g}", ~(np.abs(values) > largest)),
    ):
        bad = ~good.reshape(len(values), -1).all(axis=1) & valid
        if bad.any():
            raise InputError(f"tracks.{name}.{field}: {what} at step {int(bad.argmax())}")
