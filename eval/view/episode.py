"""`Episode`: what can be looked at: a scenario, who moved how in it, and the sweeps that belong to it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from eval.runs.drive_record import DriveRecord
from eval.view.clouds import Clouds, SimulatedClouds
from sim.scenario import EGO, Scenario


@dataclass(frozen=True)
class Motion:
    """The boxes over T instants, world frame; `z_m` is the height of their centres."""

    pose: Float[np.ndarray, "t n 3"]
    z_m: Float[np.ndarray, "t n"]
    valid: Bool[np.ndarray, "t n"]
    dt_s: float

    def velocity_mps(self, instant: int) -> Float[np.ndarray, "n 2"]:
        """Central differences; zero for who is only there now."""
        last = len(self.pose) - 1
        before, after = max(instant - 1, 0), min(instant + 1, last)
        moved = self.pose[after, :, :2] - self.pose[before, :, :2]
        known = self.valid[after] & self.valid[before]
        return np.where(known[:, None], moved / (max(after - before, 1) * self.dt_s), 0.0)


@dataclass(frozen=True)
class Episode:
    """`recording` is None where the scenario itself is shown, as it was recorded."""

    title: str
    scenario: Scenario
    motion: Motion
    clouds: Clouds | None = None
    recording: DriveRecord | None = None
    first_instant: int = 0

    @property
    def num_instants(self) -> int:
        return len(self.motion.pose)

    @staticmethod
    def of(
        scenario: Scenario,
        recording: DriveRecord | None = None,
        clouds: Clouds | None = None,
        title: str | None = None,
    ) -> "Episode":
        """With `clouds` None the points are what a simulated lidar on the ego sees."""
        from eval.view.ground import Heights

        if recording is None:
            pose, valid, dt_s = recorded_motion(scenario)
        else:
            pose, valid, dt_s = recording.pose, recording.valid, recording.dt_s
        if clouds is not None and recording is None:  # the boxes are where the real points are
            z = scenario.tracks.position_m[..., 2].T
        else:  # what the simulated lidar sees stands on the ground
            z = Heights(scenario).at(pose[..., :2]) + 0.5 * scenario.tracks.size_m[:, 2]
        motion = Motion(pose, z, valid, dt_s)
        return Episode(
            title=title or scenario.scenario_id,
            scenario=scenario,
            motion=motion,
            clouds=clouds or SimulatedClouds(scenario, pose, valid),
            recording=recording,
        )

    def ego(self, instant: int) -> Float[np.ndarray, "4"]:
        """x, y, z of the ground under the ego, yaw."""
        pose, z = self.motion.pose[instant, EGO], self.motion.z_m[instant, EGO]
        return np.array((*pose[:2], z - 0.5 * self.scenario.tracks.size_m[EGO, 2], pose[2]))


def recorded_motion(scenario: Scenario) -> tuple[np.ndarray, np.ndarray, float]:
    """Poses `[T, N, 3]`, valid `[T, N]` and time step of what a scenario recorded."""
    tracks = scenario.tracks
    pose = np.concatenate((tracks.position_m[..., :2], tracks.yaw_rad[..., None]), axis=-1)
    return pose.transpose(1, 0, 2), tracks.valid.T, scenario.dt_s
