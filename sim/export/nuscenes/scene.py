"""One scenario as rows of the nuScenes tables, with positions in the scenario's own frame.

`assembly.py` moves them to a place in a city, which is decided when all scenes are known.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim.errors import InputError
from sim.export.nuscenes.schema import (
    KEYFRAME_S,
    REAR_AXLE_TO_CENTER_M,
    SWEEP_S,
    attribute_of,
    category_of,
    make_token,
    visibility_of,
    yaw_quaternion,
)
from sim.export.nuscenes.sweeps import Seen
from sim.scenario import EGO, Scenario

FIRST_NUMBER = 2001  # the recorded scenes end at 1110; the devkit has lists of some of them
_EPOCH_S = 1_600_000_000
_SECONDS_PER_SCENE = 1000

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Frame:
    """One lidar sweep: its time step in the scenario, and the sample that it belongs to."""

    step: int
    is_key: bool
    sample: int  # number of the key frame; a sweep in between belongs to the next one
    timestamp_us: int
    filename: str


@dataclass
class SceneTables:
    """Collects the rows of scene number `number` (from 0 on), frame by frame; tokens depend on `seed`."""

    scenario: Scenario
    number: int
    seed: int
    ground_m: np.ndarray  # [N, T], z of the ground under each agent
    rows: Rows = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    _annotated: list[dict[int, dict[str, Any]]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return scene_name(self.number)

    def token(self, *parts: object) -> str:
        """The token of what `parts` name in this scene."""
        return make_token(self.seed, self.name, *parts)

    def add(self, frame: Frame, seen: Seen) -> None:
        """Add a sweep, at a key frame with the annotations of all agents; call it in order of time."""
        self.frames.append(frame)
        if not frame.is_key:
            return
        tracks = self.scenario.tracks
        here = np.flatnonzero(tracks.valid[:, frame.step])
        self._annotated.append(
            {int(n): self._annotation(int(n), frame, seen) for n in here if n != EGO}
        )

    def _annotation(self, agent: int, frame: Frame, seen: Seen) -> dict[str, Any]:
        tracks = self.scenario.tracks
        length, width, height = (float(v) for v in tracks.size_m[agent])
        x, y = (float(v) for v in tracks.position_m[agent, frame.step, :2])
        category = category_of(tracks.category[agent], int(tracks.kind[agent]))
        speed = np.linalg.norm(tracks.velocity_mps[agent], axis=-1)[tracks.valid[agent]]
        parked = self.scenario.routes[agent] is None and bool((speed < 0.1).all())
        now = float(np.linalg.norm(tracks.velocity_mps[agent, frame.step]))
        attribute = attribute_of(category, now, parked)
        return {
            "token": self.token("annotation", agent, frame.sample),
            "sample_token": self.token("sample", frame.sample),
            "instance_token": "",
            "visibility_token": visibility_of(float(seen.visible_share[agent])),
            "attribute_tokens": [make_token("attribute", attribute)] if attribute else [],
            "translation": [x, y, float(self.ground_m[agent, frame.step]) + 0.5 * height],
            "size": [width, length, height],
            "rotation": yaw_quaternion(float(tracks.yaw_rad[agent, frame.step])),
            "prev": "",
            "next": "",
            "num_lidar_pts": int(seen.num_points[agent]),
            "num_radar_pts": 0,
        }

    def finish(self) -> Rows:
        """All rows of this scene by table; the logs' `location` is still empty."""
        samples = len(self._annotated)
        first, last = self.token("sample", 0), self.token("sample", samples - 1)
        log = self.token("log")
        self.rows["log"] = [
            {
                "token": log,
                "logfile": self.name,
                "vehicle": "sim",
                "date_captured": "2020-09-13",
                "location": "",
            }
        ]
        self.rows["scene"] = [
            {
                "token": self.token("scene"),
                "log_token": log,
                "nbr_samples": samples,
                "first_sample_token": first,
                "last_sample_token": last,
                "name": self.name,
                "description": f"{self.scenario.family}, {self.scenario.scenario_id}",
            }
        ]
        keys = [frame for frame in self.frames if frame.is_key]
        self.rows["sample"] = _chained(
            [
                {
                    "token": self.token("sample", frame.sample),
                    "timestamp": frame.timestamp_us,
                    "scene_token": self.token("scene"),
                }
                for frame in keys
            ]
        )
        self.rows["ego_pose"] = [self._ego_pose(frame) for frame in self.frames]
        self.rows["sample_data"] = _chained([self._sample_data(frame) for frame in self.frames])
        self._instances()
        return self.rows

    def _ego_pose(self, frame: Frame) -> dict[str, Any]:
        tracks = self.scenario.tracks
        yaw = float(tracks.yaw_rad[EGO, frame.step])
        x, y = (float(v) for v in tracks.position_m[EGO, frame.step, :2])
        back = REAR_AXLE_TO_CENTER_M
        return {
            "token": self.token("sample_data", frame.step),
            "timestamp": frame.timestamp_us,
            "rotation": yaw_quaternion(yaw),
            "translation": [
                x - back * math.cos(yaw),
                y - back * math.sin(yaw),
                float(self.ground_m[EGO, frame.step]),
            ],
        }

    def _sample_data(self, frame: Frame) -> dict[str, Any]:
        token = self.token("sample_data", frame.step)
        return {
            "token": token,
            "sample_token": self.token("sample", frame.sample),
            "ego_pose_token": token,
            "calibrated_sensor_token": make_token("calibrated_sensor"),
            "timestamp": frame.timestamp_us,
            "fileformat": "pcd",
            "is_key_frame": frame.is_key,
            "height": 0,
            "width": 0,
            "filename": frame.filename,
        }

    def _instances(self) -> None:
        """An instance for each unbroken run of annotations, since evaluators interpolate across gaps."""
        instances: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        tracks = self.scenario.tracks
        for agent in range(1, self.scenario.num_agents):
            present = [agent in row for row in self._annotated]
            category = category_of(tracks.category[agent], int(tracks.kind[agent]))
            for first, end in _runs(present):
                token = self.token("instance", agent, first)
                run = _chained([self._annotated[k][agent] for k in range(first, end)])
                for row in run:
                    row["instance_token"] = token
                instances.append(
                    {
                        "token": token,
                        "category_token": make_token("category", category),
                        "nbr_annotations": len(run),
                        "first_annotation_token": run[0]["token"],
                        "last_annotation_token": run[-1]["token"],
                    }
                )
                annotations += run
        self.rows["instance"] = instances
        self.rows["sample_annotation"] = annotations


def scene_name(number: int) -> str:
    """`scene-2001` for number 0, and so on."""
    return f"scene-{FIRST_NUMBER + number:04d}"


def make_frames(scenario: Scenario, number: int, sweeps: bool) -> list[Frame]:
    """Key frames every 0.5 s, and with `sweeps` one sweep every 0.1 s in between.

    Raises InputError where the steps of the recording do not meet these times.
    """
    every = _steps("key frames", KEYFRAME_S, scenario)
    between = _steps("sweeps", SWEEP_S, scenario) if sweeps else every
    if every % between:
        raise InputError(f"{scenario.scenario_id}: dt_s {scenario.dt_s}: sweeps miss key frames")
    start_us = (_EPOCH_S + _SECONDS_PER_SCENE * number) * 1_000_000
    last = (scenario.num_instants - 1) // every * every
    frames = []
    for step in range(0, last + 1, between):
        is_key = step % every == 0
        time_us = start_us + round(step * scenario.dt_s * 1e6)
        folder = "samples" if is_key else "sweeps"
        file = f"{folder}/LIDAR_TOP/{scene_name(number)}__LIDAR_TOP__{time_us}.pcd.bin"
        frames.append(Frame(step, is_key, -(-step // every), time_us, file))
    return frames


def _steps(what: str, seconds: float, scenario: Scenario) -> int:
    """How many time steps `seconds` are; raises where that is no whole number."""
    steps = round(seconds / scenario.dt_s)
    if steps < 1 or not math.isclose(steps * scenario.dt_s, seconds, rel_tol=1e-6):
        raise InputError(
            f"{scenario.scenario_id}: dt_s: {scenario.dt_s} s has no step every {seconds} s, "
            f"where {what} are"
        )
    return steps


def _chained(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each with the tokens of its neighbours as `prev` and `next`."""
    for k, row in enumerate(rows):
        row["prev"] = rows[k - 1]["token"] if k else ""
        row["next"] = rows[k + 1]["token"] if k + 1 < len(rows) else ""
    return rows


def _runs(present: list[bool]) -> list[tuple[int, int]]:
    """(first, one past the last) index of each unbroken run of True."""
    change = np.diff(np.array([False, *present, False]).astype(int))
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
