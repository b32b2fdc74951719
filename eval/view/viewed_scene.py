"""`ViewedScene`: a scenario, the motion of its boxes and the lidar points that go with it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from eval.runs.drive_record import DriveRecord
from eval.runs.hits import first_hits, touching
from eval.view.ground_heights import GroundHeights
from eval.view.lidar_points import PointSource, SimulatedPoints
from eval.view.thought import RecordedThoughts, ThoughtSource
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
    meanwhile. `hits`: whom the ego hits in a drive, and when (`first_hits`). The view begins at
    `first_instant`.
    """

    title: str
    scenario: Scenario
    motion: Motion
    points: PointSource
    thoughts: ThoughtSource | None = None
    hits: dict[int, int] = field(default_factory=dict)
    first_instant: int = 0

    @property
    def num_instants(self) -> int:
        return len(self.motion.pose)

    @cached_property
    def touching(self) -> Bool[np.ndarray, "t n"]:
        """Whom the ego is in contact with, and whether with anybody; in a recording, which is nobody's
        drive, never."""
        motion = self.motion
        found = touching(motion.pose, motion.valid, self.scenario.tracks.size_m)
        found[:, EGO] = found.any(axis=1)
        return found if self.hits else np.zeros_like(found)

    def hit_by(self, instant: int) -> Bool[np.ndarray, " n"]:
        """Which agents the ego has collided with up to a time step."""
        agents = range(self.motion.pose.shape[1])
        return np.array([self.hits.get(agent, instant + 1) <= instant for agent in agents])

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
        moved = drive or DriveRecord.recorded(scenario)
        pose, valid, dt_s = moved.pose, moved.valid, moved.dt_s
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
            hits={} if drive is None else first_hits(pose, valid, scenario.tracks.size_m),
        )

    def ego(self, instant: int) -> Float[np.ndarray, "4"]:
        """(x, y, z, yaw) of the ego, world frame; z is the ground under it."""
        pose, z = self.motion.pose[instant, EGO], self.motion.z_m[instant, EGO]
        return np.array((*pose[:2], z - 0.5 * self.scenario.tracks.size_m[EGO, 2], pose[2]))
