"""`Recorded`: what tags ask about the recording of one world."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim.geometry import box, polyline, se2
from sim.maps.driven_lanes import first_lane
from sim.maps.expert_route import driven_by
from sim.maps.lane_areas import connector_signals, nearby_lanes
from sim.maps.lane_bits import AreaBit
from sim.scenario import EGO
from sim.world import World, speed_along

SLOPE_S = 0.5  # rates are slopes over this much before and after: recordings are noisy
IN_LANE_M = 1.5  # whose centre is no farther from the ego's path is in its way


@dataclass(frozen=True)
class Recorded:
    """T instants of the ego and of A others, K lanes; instants at which somebody is not there, but for
    `there` and `others`, hold anything.
    """

    dt_s: float
    there: Bool[Tensor, " t"]
    speed_mps: Float[Tensor, " t"]
    acceleration_mps2: Float[Tensor, " t"]
    jerk_mps3: Float[Tensor, " t"]
    yaw_rate_radps: Float[Tensor, " t"]
    lane: Int[Tensor, " t"]  # the first that it drives along (nuPlan); -1: none
    lanes: Bool[Tensor, "t k"]  # all of them
    block: Int[Tensor, " k"]  # lanes side by side share one
    follows: Bool[Tensor, "k k"]  # lane j goes on from lane i
    turn_rad: Float[Tensor, " k"]  # of a connector, to the left; 0 for other lanes
    is_connector: Bool[Tensor, " k"]
    has_signal: Bool[Tensor, " k"]  # a connector with a traffic light
    in_junction: Bool[Tensor, " t"]
    on_crosswalk: Bool[Tensor, " t"]
    red_gap_m: Float[Tensor, " t"]  # from the front bumper to a line that a light closes; inf: none
    others: Bool[Tensor, "a t"]
    kind: Int[Tensor, " a"]
    size_m: Float[Tensor, "a 2"]
    has_route: Bool[Tensor, " a"]  # it moves, and is on wheels
    pose: Float[Tensor, "a t 3"]  # seen from the ego
    velocity_mps: Float[Tensor, "a t 2"]  # seen from the ego, of the ground
    gap_m: Float[Tensor, "a t"]  # between the boxes; 0 where they overlap
    ahead_m: Float[
        Tensor, "a t"
    ]  # from the ego's front bumper to its rear one, along the ego's path
    offset_m: Float[Tensor, "a t"]  # of its centre from the ego's path, to the left
    others_on_crosswalk: Bool[Tensor, "a t"]

    @staticmethod
    def of(world: World, lanes: Bool[Tensor, "t k"]) -> "Recorded":
        """Of a batch of one world, with maps; `lanes` of `lanes_of_ego`."""
        log, dt = world.log, world.dt_s
        pose, there = log.pose[0, EGO], log.valid[0, EGO]
        speed = speed_along(pose, log.velocity_mps[0, EGO])
        acceleration = _slope(speed, there, dt)
        turn = se2.wrap_angle(torch.diff(pose[:, 2], prepend=pose[:1, 2]))
        areas, field = world.lane_areas, world.field
        row = int(areas.row[0])
        turn_rad, has_signal = _connectors(world, areas.block.shape[1])
        others = log.pose[0, EGO + 1 :]
        size = world.size_m[0, :, :2]
        seen = se2.compose(se2.inverse(pose), others)
        apart = -box.penetration_m(pose, size[EGO], others, size[EGO + 1 :, None])
        path = world.paths.agent_path[:, :1]
        s_m, _ = world.paths.along(path, pose[None])
        other_s, offset = world.paths.along(path, torch.nan_to_num(others).flatten(0, 1)[None])
        half = 0.5 * (size[EGO, 0] + size[EGO + 1 :, :1])
        shape = others.shape[:2]
        return Recorded(
            dt_s=dt,
            there=there,
            speed_mps=speed,
            acceleration_mps2=acceleration,
            jerk_mps3=_slope(acceleration, there, dt, order=2),
            yaw_rate_radps=_slope(turn.cumsum(dim=0), there, dt),
            lane=first_lane(lanes),
            lanes=lanes,
            block=areas.block[row],
            follows=areas.successor[row],
            turn_rad=turn_rad.to(pose.device),
            is_connector=areas.is_connector[row],
            has_signal=has_signal.to(pose.device),
            in_junction=_has(field.area_bits_at(pose[None, :, :2])[0], AreaBit.INTERSECTION),
            on_crosswalk=_has(field.area_bits_at(pose[None, :, :2])[0], AreaBit.CROSSWALK),
            red_gap_m=_red_gap_m(world, s_m[0] + 0.5 * size[EGO, 0], speed),
            others=log.valid[0, EGO + 1 :] & there,
            kind=world.kind[0, EGO + 1 :],
            size_m=size[EGO + 1 :],
            has_route=world.paths.agent_path[0, EGO + 1 :] >= 0,
            pose=seen,
            velocity_mps=se2.rotate(log.velocity_mps[0, EGO + 1 :], -pose[:, 2]),
            gap_m=apart.clamp(min=0.0),
            ahead_m=other_s.reshape(shape) - s_m - half,
            offset_m=offset.reshape(shape),
            others_on_crosswalk=_has(
                field.area_bits_at(others[None, ..., :2])[0], AreaBit.CROSSWALK
            ),
        )

    def of_kind(self, *kinds: int) -> Bool[Tensor, "a t"]:
        """Who is there, and one of these (`AgentKind`)."""
        member = torch.isin(self.kind, torch.tensor(kinds, device=self.kind.device))
        return self.others & member.unsqueeze(1)

    @property
    def other_speed_mps(self) -> Float[Tensor, "a t"]:
        """How fast each of the others is."""
        return self.velocity_mps.norm(dim=-1)

    @property
    def is_lead(self) -> Bool[Tensor, "a t"]:
        """Who is the next one in the ego's way, going in its direction within 45 degrees."""
        ahead = self.others & (self.ahead_m > 0.0) & (self.offset_m.abs() <= IN_LANE_M)
        ahead = ahead & (torch.cos(self.pose[..., 2]) > 0.7)
        gap = torch.where(ahead, self.ahead_m, torch.inf)
        nobody = torch.full_like(self.speed_mps, torch.inf)
        return ahead & (gap == torch.cat((gap, nobody.unsqueeze(0))).amin(dim=0))


def lanes_of_ego(world: World) -> Bool[Tensor, "b t k"]:
    """The lanes that the ego drove along in the recordings; instant by instant, so worlds go together."""
    last = world.log.valid[:, EGO].sum(dim=1) - 1
    return driven_by(world.log.pose[:, EGO, :, :2], world.lane_areas, world.field, last)


def _slope(
    values: Float[Tensor, " t"], there: Bool[Tensor, " t"], dt_s: float, order: int = 1
) -> Float[Tensor, " t"]:
    """The rate of change between `SLOPE_S` before and after each instant.

    0 within a second of the recording's ends, where velocities are poorly known; `order`: how many rates
    of rates this makes, each of which knows nothing for half a second more.
    """
    steps = max(1, round(SLOPE_S / dt_s))
    instant = torch.arange(len(values), device=values.device)
    last = (there * instant).amax()
    before, after = (instant - steps).clamp(min=0), torch.minimum(instant + steps, last)
    margin = (order + 1) * steps
    inside = (instant >= margin) & (instant <= last - margin)
    return torch.where(inside, (values[after] - values[before]) / (2 * steps * dt_s), 0.0)


def _has(bits: Tensor, bit: AreaBit) -> Bool[Tensor, "*k"]:
    return (bits & int(bit)) != 0


def _red_gap_m(world: World, front_s_m: Tensor, speed_mps: Tensor) -> Float[Tensor, " t"]:
    paths, lights = world.paths, world.light_state[0]
    row, path, instants = paths.row[0], paths.agent_path[0, EGO], len(front_s_m)
    stop_s, light = (t[row, path].expand(instants, -1) for t in (paths.stop_s_m, paths.stop_light))
    return paths.next_closed_line(stop_s, light, lights.T, front_s_m, speed_mps) - front_s_m


def _connectors(world: World, count: int) -> tuple[Tensor, Tensor]:
    """How far each of `count` lanes turns to the left, and whether it has a light; connectors alone."""
    scenario = world.scenarios[0]
    signals = connector_signals(scenario)
    turn, signal = np.zeros(count, dtype=np.float32), np.zeros(count, dtype=bool)
    for place, k in enumerate(nearby_lanes(scenario)):
        lane = scenario.map.lanes[k]
        if lane.kind == lane.kind.CONNECTOR:
            line = polyline.drop_repeats(lane.centerline_m.astype(np.float64))
            headings = np.unwrap(polyline.headings_rad(line)) if len(line) > 1 else np.zeros(1)
            turn[place], signal[place] = headings[-1] - headings[0], k in signals
    return torch.from_numpy(turn), torch.from_numpy(signal)
