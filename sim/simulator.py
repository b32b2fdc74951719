"""`Simulator`: worlds, who moves the others in them, and what the ego can sense; reset, step, observe."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sim import trees
from sim.compiling import materialize
from sim.dynamics.bicycle import Controls
from sim.ego_motion import move_ego, track_plan
from sim.geometry import se2
from sim.interface import (
    Agents,
    EgoMap,
    EgoState,
    History,
    Needs,
    Observation,
    Plan,
    Privileged,
)
from sim.maps.lane_table import LaneTable
from sim.recording import recorded_past, recorded_state
from sim.scenario import EGO, Scenario
from sim.sensors.suite import SensorSuite
from sim.short_repr import short_repr
from sim.traffic import Traffic, make_traffic
from sim.world import REMEMBERED_S, Past, World, WorldState

ROUTE_POINTS = 160
ROUTE_BEHIND_M = 10


@short_repr
@dataclass(frozen=True)
class Simulator:
    """B worlds that are stepped together. Functional: a state goes in, the next one comes out."""

    world: World
    traffic: Traffic
    needs: Needs
    sensors: SensorSuite
    lanes: LaneTable | None

    @staticmethod
    def of(
        world: World, traffic: str | Callable[[World], Traffic], needs: Needs | None = None
    ) -> "Simulator":
        """`traffic`: a name, or what makes it for a world; `needs`: what `observe` shows.

        `world` as it was made from scenarios: `Simulator.take` cuts all of it together.
        """
        make = make_traffic(traffic, world) if isinstance(traffic, str) else traffic(world)
        return Simulator(world, make, Needs(), SensorSuite(), None).equipped(needs or Needs())

    @staticmethod
    def from_scenarios(
        scenarios: list[Scenario],
        traffic: str | Callable[[World], Traffic],
        needs: Needs | None = None,
    ) -> "Simulator":
        """Of new worlds, maps included."""
        return Simulator.of(World.from_scenarios(scenarios), traffic, needs)

    def equipped(self, needs: Needs) -> "Simulator":
        """The same worlds and traffic; what `observe` needs to show is prepared."""
        lanes = needs.lanes and LaneTable.from_scenarios(self.world.scenarios, needs.lanes)
        return replace(
            self,
            needs=needs,
            sensors=SensorSuite.of(
                self.world, needs.raster, needs.lidar, needs.perception == "visible"
            ),
            lanes=trees.to(lanes, self.world.size_m.device),
        )

    def to(self, device: torch.device | str) -> "Simulator":
        """The same on `device`."""
        return trees.to(self, device)

    def take(self, index: Int[Tensor, " k"]) -> "Simulator":
        """Worlds `index` of this batch as a batch of their own; maps are shared, not copied."""
        return replace(trees.take(self, index), world=self.world.take(index))

    def put(self, places: Int[Tensor, " k"], source: "Simulator", index: Int[Tensor, " k"]) -> None:
        """Replace the worlds at `places` by `index` of `source`, from which this batch was taken."""
        self.world.put(places, source.world, index)
        for mine, other in (
            (self.traffic, source.traffic),
            (self.sensors, source.sensors),
            (self.lanes, source.lanes),
        ):
            trees.put(mine, places, other, index)

    def reset(self, step: Int[Tensor, " b"] | None = None) -> WorldState:
        """The start of the recordings, or everyone as recorded at `step`, with what went before.

        Whoever the ego saw within the time of its memory, as it drove in the recording, it remembers.
        """
        world, sight = self.world, self.sensors.sight
        state = world.reset() if step is None else recorded_state(world, step)
        steps = round(self.needs.past_s / world.dt_s)
        if sight is None:
            past = recorded_past(world, state.step, steps) if steps else None
            return replace(state, past=past)
        back = steps if step is None else max(steps, round(REMEMBERED_S / world.dt_s))
        seen, past = sight.look_back(world, recorded_past(world, state.step, back))
        return replace(state, seen=seen, past=past.last(steps) if steps else None)

    def step(self, state: WorldState, action: Plan | Controls) -> WorldState:
        """One `dt_s` later: the ego follows its plan or its controls, the traffic does what it does.

        Both act on the same `state`; neither sees the other's next move.
        """
        ego = (
            track_plan(self.world, state, action)
            if isinstance(action, Plan)
            else move_ego(self.world, state, action)
        )
        ego_pose, ego_speed, ego_acceleration, ego_steering = ego
        moved = self.traffic.act(self.world, state)
        velocity = ego_speed.unsqueeze(-1) * torch.stack(
            (torch.cos(ego_pose[:, 2]), torch.sin(ego_pose[:, 2])), dim=-1
        )
        (pose,) = materialize(torch.cat((ego_pose.unsqueeze(1), moved.pose[:, 1:]), dim=1))
        after = replace(
            moved,
            step=state.step + 1,
            pose=pose,
            velocity_mps=torch.cat((velocity.unsqueeze(1), moved.velocity_mps[:, 1:]), dim=1),
            acceleration_mps2=torch.cat(
                (ego_acceleration.unsqueeze(1), moved.acceleration_mps2[:, 1:]), dim=1
            ),
            valid=torch.cat((state.valid[:, :1], moved.valid[:, 1:]), dim=1),
            ego_steering_rad=ego_steering,
            path=torch.cat(
                (self.world.paths.ego_path(ego_pose).unsqueeze(1), moved.path[:, 1:]), dim=1
            ),
        )
        if self.sensors.sight:
            after = replace(after, seen=self.sensors.sight.look(self.world, after, state.seen))
        return after if state.past is None else replace(after, past=state.past.then(after.known))

    def ego_state(self, state: WorldState) -> EgoState:
        """The ego's own motion and shape."""
        return EgoState(
            speed_mps=state.speed_mps[:, EGO],
            acceleration_mps2=state.acceleration_mps2[:, EGO],
            steering_rad=state.ego_steering_rad,
            size_m=self.world.size_m[:, EGO, :2],
            wheelbase_m=self.world.wheelbase_m[:, EGO],
        )

    def observe(self, state: WorldState) -> Observation:
        """What the ego may know of `state`, in its own frame; what `needs` asks for, and no more.

        Raises ValueError where perception is "visible" and the state none of this simulator's.
        """
        world, needs = self.world, self.needs
        if self.sensors.sight and state.seen is None:
            raise ValueError("nobody has looked at this state: begin with Simulator.reset")
        raster, lidar = self.sensors.sense(world, state)
        world_SE2_ego = state.pose[:, EGO]
        lights = world.lights_at(state.step)
        return Observation(
            step=state.step,
            dt_s=world.dt_s,
            ego=self.ego_state(state),
            agents=Agents.of(world, state.known),
            route=world.paths.ego_route(
                state.path[:, EGO],
                world_SE2_ego,
                state.speed_mps[:, EGO],
                world.size_m[:, EGO, 0],
                lights,
                ROUTE_BEHIND_M,
                ROUTE_POINTS,
            ),
            history=_history(state.past, world_SE2_ego, round(needs.history_s / world.dt_s)),
            map=EgoMap(world.field, world_SE2_ego) if needs.map else None,
            lanes=self.lanes and self.lanes.around(world_SE2_ego, lights),
            raster=raster,
            lidar=lidar and lidar.measured,
            privileged=Privileged(world, state, self.traffic, lidar) if needs.privileged else None,
        )


def _history(past: Past | None, world_SE2_ego: Float[Tensor, "b 3"], steps: int) -> History | None:
    """The last `steps` before now, and now."""
    if past is None or steps == 0:
        return None
    ego_SE2_world = se2.inverse(world_SE2_ego)[:, None, None]
    last = slice(-1 - steps, None)
    return History(
        pose=se2.compose(ego_SE2_world, past.pose[:, :, last]),
        velocity_mps=se2.rotate(past.velocity_mps[:, :, last], ego_SE2_world[..., 2]),
        valid=past.valid[:, :, last] & past.known[:, None, last],
    )
