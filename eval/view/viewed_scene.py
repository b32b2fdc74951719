"""`ViewedScene`: a scenario, the motion of its boxes and the lidar points that go with it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float

from eval.runs.drive_record import DriveRecord
from eval.view.ground_heights import GroundHeights
from eval.view.lidar_points import PointSource, SimulatedPoints
from eval.view.thought import RecordedThoughts, ThoughtSource
from sim.geometry import box
from sim.scenario import EGO, Scenario


@dataclass(frozen=True)
class Motion:
    """Boxes of N agents at T instants `dt_s` apart, world frame; agent 0 is the ego.

    `pose` is (x, y, yaw) of the box's centre, in metres and radians, `z_m` the centre's height.
    """

    pose: Float[np.ndarray, "t n 3"]
    z_m: Float[np.ndarray, "t n"]
    valid: Bool[np.ndarray, "t n"]
    dt_s: float

    def velocity_mps(self, instant: int) -> Float[np.ndarray, "n 2"]:
        """World-frame velocities, by central differences (one-sided at both ends).

        Zero for an agent that is absent at one of the two instants.
        """
        last = len(self.pose) - 1
        before, after = max(instant - 1, 0), min(instant + 1, last)
        moved = self.pose[after, :, :2] - self.pose[before, :, :2]
        known = self.valid[after] & self.valid[before]
        return np.where(known[:, None], moved / (max(after - before, 1) * self.dt_s), 0.0)


@dataclass(frozen=True)
class ViewedScene:
    """What is looked at.

    It moves as in a closed-loop drive, or as its source recorded it. `thoughts`: what a planner thinks
    meanwhile. The view begins at `first_instant`.
    """

    title: str
    scenario: Scenario
    motion: Motion
    points: PointSource
    thoughts: ThoughtSource | None = None
    first_instant: int = 0

    @property
    def num_instants(self) -> int:
        return len(self.motion.pose)

    @cached_property
    def touching(self) -> Bool[np.ndarray, "t n"]:
        """Whether each agent's box overlaps the ego's, seen from above; the ego itself does if any does."""
        pose = torch.from_numpy(np.ascontiguousarray(self.motion.pose, dtype=np.float64))
        size = torch.from_numpy(self.scenario.tracks.size_m[:, :2].astype(np.float64))
        touching = box.overlaps(pose[:, :1], size[:1], pose, size).numpy()
        touching &= self.motion.valid & self.motion.valid[:, :1]
        touching[:, EGO] = touching[:, EGO + 1 :].any(axis=1)
        return touching

    def hit_by(self, instant: int) -> Bool[np.ndarray, " n"]:
        """Which agents the ego has collided with up to a time step."""
        hit = self.touching[: instant + 1].any(axis=0)
        hit[EGO] = False
        return hit

    @staticmethod
    def of(
        scenario: Scenario,
        drive: DriveRecord | None = None,
        points: PointSource | None = None,
        title: str | None = None,
    ) -> "ViewedScene":
        """The scenario, or with a `drive` that drive in it.

        Without `points` they are those of a simulated lidar on the ego.
        """
        if drive is None:
            pose, valid, dt_s = recorded_motion(scenario)
        else:
            pose, valid, dt_s = drive.pose, drive.valid, drive.dt_s
        if points is not None and drive is None:  # the boxes are where the real points are
            z = scenario.tracks.position_m[..., 2].T
        else:  # what the simulated lidar sees stands on the ground
            half_height = 0.5 * scenario.tracks.size_m[:, 2]
            z = GroundHeights(scenario).at(pose[..., :2]) + half_height
        return ViewedScene(
            title=title or scenario.scenario_id,
            scenario=scenario,
            motion=Motion(pose, z, valid, dt_s),
            points=points or SimulatedPoints(scenario, pose, valid),
            thoughts=None if drive is None else RecordedThoughts(drive),
        )

    def ego(self, instant: int) -> Float[np.ndarray, "4"]:
        """(x, y, z, yaw) of the ego, world frame; z is the ground under it."""
        pose, z = self.motion.pose[instant, EGO], self.motion.z_m[instant, EGO]
        return np.array((*pose[:2], z - 0.5 * self.scenario.tracks.size_m[EGO, 2], pose[2]))


def recorded_motion(scenario: Scenario) -> tuple[np.ndarray, np.ndarray, float]:
    """How the agents moved when the scenario was recorded: pose, valid and dt_s of `Motion`."""
    tracks = scenario.tracks
    pose = np.concatenate((tracks.position_m[..., :2], tracks.yaw_rad[..., None]), axis=-1)
    return pose.transpose(1, 0, 2), tracks.valid.T, scenario.dt_s
