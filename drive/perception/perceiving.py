"""`Perceiving`: a planner that knows of others what a detector finds in the lidar's sweeps, and a tracker
makes of it."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from drive.features.sweeps import LIDAR
from drive.perception.detections import Detections, Detects
from drive.perception.obstacles import obstacles, with_obstacles
from drive.perception.online_tracker import Tracks, track
from drive.perception.shapes import kind_of
from drive.perception.track_memory import TrackMemory
from sim import trees
from sim.dynamics.bicycle import Controls
from sim.errors import InputError
from sim.geometry import se2
from sim.geometry.grid import BevGrid
from sim.interface import Agents, History, Needs, Observation, Plan, Planner, needs_of
from sim.scenario import EGO, AgentKind

GRID = BevGrid(-32.0, -32.0, 0.2, 480, 320)  # ego frame; who stands outside is not known of
ODOMETRY_S = 3.0  # plans that are farther apart begin anew
# Slower is taken for standing, as what is measured of who stands is no more; many vehicles are parked.
_CAR_STANDS_MPS, _STANDS_MPS = 1.0, 0.5
_SAME_WAY = 0.85  # cosine, of 30 degrees


class Perceiving:
    """Shows a planner, in place of the simulator's tracks, those of a tracker over the detector's boxes.

    Each plan needs a look; between two looks nothing is seen. Raises InputError where the planner asks for
    what only the simulator's tracks, or its whole world, can fill.
    """

    def __init__(self, planner: Planner, detector: Detects) -> None:
        self._planner, self._detector = planner, detector
        self._inner = needs_of(planner)
        require_perceivable(type(planner).__name__, self._inner)
        self.needs = replace(
            self._inner,
            history_s=max(self._inner.history_s, ODOMETRY_S),
            lidar=self._inner.lidar or LIDAR,
            perception="tracks",
        )
        self._known: _Known | None = None

    def reset(self, num_worlds: int, device: torch.device, generator: torch.Generator) -> None:
        """Forgets everybody."""
        self._known = None
        reset = getattr(self._planner, "reset", None)
        if reset is not None:
            reset(num_worlds, device, generator)

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan | Controls:
        """The planner's plan for what is seen; whom it took to be there is shown beside."""
        self._known = self._looked(observation)
        agents = perceived(self._known.tracks, self._known.world_SE2_ego, observation)
        shown = self._shown(observation, agents)
        plan = self._planner.plan(shown)
        return plan if isinstance(plan, Controls) else replace(plan, perceived=shown.agents)

    def _looked(self, observation: Observation) -> "_Known":
        """What is known after a look at this instant."""
        found = self._detect(observation)
        known, steps = self._known, 0
        if known is not None:
            steps = int((observation.step - known.step)[0])  # all worlds are asked together
        if known is None or not 0 < steps <= round(ODOMETRY_S / observation.dt_s):
            instants = 1 + round(self._inner.history_s / observation.dt_s)
            known, steps = _Known.nobody(observation, instants), 1
        else:
            known = known.moved(observation, steps)
        return known.seen(found, steps, observation.dt_s)

    def _detect(self, observation: Observation) -> Detections:
        sweep = observation.lidar
        assert sweep is not None
        return self._detector.detect(sweep.point_m.flatten(1, 2), sweep.hit.flatten(1), GRID)

    def _shown(self, observation: Observation, agents: Agents) -> Observation:
        """What the planner asked for, and no more; with a map, what else sticks up from the road."""
        assert self._known is not None
        steps = round(self._inner.history_s / observation.dt_s)
        past = self._known.history(observation, agents, steps + 1) if steps else None
        lidar = observation.lidar if self._inner.lidar else None
        shown = replace(observation, agents=agents, history=past, lidar=lidar)
        sweep = observation.lidar
        assert sweep is not None
        if observation.map is None:
            return shown
        # Who was seen once is looked at again, and no obstacle meanwhile.
        tracks = self._known.tracks
        known = replace(agents, valid=agents.valid | (tracks.valid & tracks.is_new))
        point_m, hit = sweep.point_m.flatten(1, 2), sweep.hit.flatten(1)
        return with_obstacles(shown, obstacles(point_m, hit, observation.map, known))


@dataclass(frozen=True)
class _Known:
    """What is known at `step`: who is where in a frame that stands still, and the ego in it."""

    step: Int[Tensor, " b"]
    world_SE2_ego: Float[Tensor, "b 3"]
    tracks: Tracks
    memory: TrackMemory

    @staticmethod
    def nobody(observation: Observation, instants: int) -> "_Known":
        """Before the first look: the frame is the ego's own."""
        pose = observation.agents.pose.new_zeros(len(observation.step), 3)
        tracks = Tracks.none(len(pose), pose.device)
        return _Known(observation.step, pose, tracks, TrackMemory.begin(tracks, instants))

    def moved(self, observation: Observation, steps: int) -> "_Known":
        """With the ego where it is `steps` later, by its own odometry."""
        history = observation.history
        assert history is not None
        now_SE2_then = history.pose[:, EGO, -1 - steps]
        pose = se2.compose(self.world_SE2_ego, se2.inverse(now_SE2_then))
        return replace(self, step=observation.step, world_SE2_ego=pose)

    def seen(self, found: Detections, steps: int, dt_s: float) -> "_Known":
        """With what was found, `steps` after the last look."""
        after = track(self.tracks, found, self.world_SE2_ego, steps * dt_s)
        return replace(self, tracks=after, memory=self.memory.then(self.tracks, after, steps))

    def history(self, observation: Observation, agents: Agents, instants: int) -> History:
        """The ego's own, and that of those who are known; of these the present is as in `agents`."""
        own, memory = observation.history, self.memory
        assert own is not None
        own = trees.map_tensors(lambda t: t[:, : EGO + 1, -instants:], own)
        ego_SE2_world = se2.inverse(self.world_SE2_ego)[:, None, None]
        pose = se2.compose(ego_SE2_world, memory.pose[:, :, -instants:])
        velocity = se2.rotate(memory.velocity_mps[:, :, -instants:], ego_SE2_world[..., 2])
        velocity = torch.cat((velocity[:, :, :-1], agents.velocity_mps.unsqueeze(2)), dim=2)
        valid = memory.valid[:, :, -instants:] & agents.valid.unsqueeze(2)
        return History(
            torch.cat((own.pose, pose), dim=1),
            torch.cat((own.velocity_mps, velocity), dim=1),
            torch.cat((own.valid, valid), dim=1),
        )


def require_perceivable(name: str, needs: Needs) -> None:
    """InputError for a planner that needs more than detections can tell."""
    if needs.raster is not None or needs.privileged:
        asks = "the simulator's own world" if needs.privileged else "a raster of everybody's track"
        raise InputError(f"--perception discovered: {name} is shown {asks}, not what was detected")


def perceived(
    tracks: Tracks, world_SE2_ego: Float[Tensor, "b 3"], observation: Observation
) -> Agents:
    """The tracks that are sure, as the ego sees them."""
    ego_SE2_world = se2.inverse(world_SE2_ego).unsqueeze(1)
    pose = se2.compose(ego_SE2_world, tracks.pose)
    velocity = se2.rotate(tracks.velocity_mps, ego_SE2_world[..., 2])
    kind = kind_of(tracks.size_m)
    least_mps = torch.where(kind == int(AgentKind.VEHICLE), _CAR_STANDS_MPS, _STANDS_MPS)
    stands = (velocity.norm(dim=-1) < least_mps).unsqueeze(-1)
    guess = _with_traffic(pose, kind, observation.ego.speed_mps)
    known = tracks.velocity_known.unsqueeze(-1)
    return Agents(
        id=tracks.id,
        pose=pose,
        velocity_mps=torch.where(known, torch.where(stands, 0.0, velocity), guess),
        size_m=tracks.size_m,
        kind=kind,
        valid=tracks.valid & tracks.is_sure,
    )


def _with_traffic(
    pose: Float[Tensor, "b n 3"], kind: Int[Tensor, "b n"], speed_mps: Float[Tensor, " b"]
) -> Float[Tensor, "b n 2"]:
    """A guess at velocities before they are known: vehicles along the ego's way are as fast as the ego.

    Taken to stand, a car that the ego follows would make it brake hard for nothing.
    """
    ahead = torch.cos(pose[..., 2])
    same = (ahead.abs() > _SAME_WAY) & (kind == int(AgentKind.VEHICLE))
    along = torch.where(same, speed_mps.unsqueeze(1) * torch.sign(ahead), 0.0)
    return along.unsqueeze(-1) * torch.stack((ahead, torch.sin(pose[..., 2])), dim=-1)
