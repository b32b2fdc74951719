"""Where drivers stop: lights, signs, conflicts with others, and the deceleration that it takes."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sim import trees
from sim.scenario import Yielding
from sim.traffic.conflicts import Driver, Yield, yield_to_others
from sim.traffic.corridor import Lookout
from sim.traffic.driver_styles import DriverStyles
from sim.traffic.drivers import Place
from sim.traffic.following import HARDEST_BRAKING_MPS2, Following
from sim.traffic.idm_law import idm_acceleration, kept_back, wanted_gap_m
from sim.traffic.path_relations import DriverZones
from sim.world import World, WorldState

STOP_SHORT_M = 1.0  # before a line or a conflict zone
CREEP_SHORT_M = 0.2  # the same of those who creep, before a conflict zone
STOP_SIGN_WAIT_S = 1.0
ROLLING_MPS = 2.2  # over a stop sign's line, by those who do not halt
ROLLING_BRAKING_MPS2 = 1.5
EVIDENT_BRAKING_MPS2 = 4.0  # who would need more than this to stop at a red light will not
_NEAR_SIGN_M = 3.0
# A plain int: compiled, a tensor compared with an enum's member is silently False.
_CREEPS = int(Yielding.CREEPS)


@dataclass(frozen=True)
class Signs:
    """The next stop sign of each driver that it has not halted at; `near`: it is close to one."""

    gap_m: Float[Tensor, "b d"]  # inf: none
    near: Bool[Tensor, "b d"]

    @staticmethod
    def ahead_of(world: World, place: Place) -> "Signs":
        """Read off the paths."""
        paths, row = world.paths, world.paths.row.unsqueeze(1)
        gap = paths.stop_s_m[row, place.path] - place.front_s_m.unsqueeze(2)
        is_sign = paths.stop_is_sign[row, place.path]
        gap = torch.where(is_sign & (gap > -0.5), gap, torch.inf).amin(dim=2)
        near = gap < _NEAR_SIGN_M
        honoured = near & (place.waited_s >= STOP_SIGN_WAIT_S)
        return Signs(torch.where(honoured, torch.inf, gap), near)

    def passed_slowly(self, place: Place, styles: DriverStyles) -> Place:
        """Those who roll through stop signs want to be slow there."""
        gap = self.gap_m.clamp(min=0.0)
        rolling = torch.sqrt(ROLLING_MPS**2 + 2.0 * ROLLING_BRAKING_MPS2 * gap)
        slower = torch.minimum(place.cruise_mps, rolling)
        return replace(place, cruise_mps=torch.where(styles.rolls_stop, slower, place.cruise_mps))


def give_way(
    world: World,
    state: WorldState,
    lookout: Lookout,
    styles: DriverStyles,
    place: Place,
    following: Following,
    signs: Signs,
) -> Float[Tensor, "b d"]:
    """Acceleration behind those ahead, before lines, and among those whose paths conflict."""
    paths, row = world.paths, world.paths.row.unsqueeze(1)
    speed, front = place.speed_mps, place.front_s_m
    stops, lights = paths.stop_s_m[row, place.path], paths.stop_light[row, place.path]
    closed = paths.next_closed_line(stops, lights, world.lights_at(state.step), front, speed)
    evident = speed**2 > 2.0 * EVIDENT_BRAKING_MPS2 * (closed - front)
    driver = Driver(
        s_m=place.s_m,
        speed_mps=speed,
        cruise_mps=place.cruise_mps,
        length_m=place.size_m[..., 0],
        present=place.present,
        closed_s_m=torch.where(styles.runs_red & evident, torch.inf, closed),
        lead_gap_m=following.gap_m,
        lead_speed_mps=following.speed_mps,
        margin_s=styles.margin_s,
        yields=styles.yields,
    )
    zones = lookout.zones(world, place.path)
    giving_way = yield_to_others(zones, driver, lookout.drivers.agent, place.waited_s)
    creep_m = torch.where(styles.yields == _CREEPS, STOP_SHORT_M - CREEP_SHORT_M, 0.0)
    line_gap = torch.where(styles.runs_red, torch.inf, closed - front)
    sign_gap = torch.where(styles.rolls_stop, torch.inf, signs.gap_m)
    stop_gap = torch.minimum(torch.minimum(giving_way.stop_gap_m + creep_m, line_gap), sign_gap)
    stop = brake_before(stop_gap, place, styles)
    merge = torch.maximum(_behind_merging(zones, giving_way, place, styles), -styles.braking_mps2)
    wanted = torch.minimum(torch.minimum(following.acceleration_mps2, stop), merge)
    return wanted.clamp(min=-HARDEST_BRAKING_MPS2)


def _behind_merging(
    zones: DriverZones, giving_way: Yield, place: Place, styles: DriverStyles
) -> Float[Tensor, "b d"]:
    """Acceleration that leaves the gaps wanted to those who merge first."""
    speed = place.speed_mps
    law = trees.map_tensors(zones.of_driver, styles.law)
    wanted_m = wanted_gap_m(zones.of_driver(speed), giving_way.virtual_speed_mps, law)
    crowding = wanted_m / giving_way.virtual_gap_m.clamp(min=0.5)
    crowding = (-zones.least(-crowding, speed)).clamp(min=0.0)
    return kept_back(speed, place.cruise_mps, crowding, styles.law)


def brake_before(
    gap_m: Float[Tensor, "b d"], place: Place, styles: DriverStyles
) -> Float[Tensor, "b d"]:
    """Acceleration towards a place to stop, a little short of it; inf: there is none."""
    gap = (gap_m - STOP_SHORT_M + styles.law.min_gap_m).clamp(min=0.1)
    standing = torch.zeros_like(gap)
    return idm_acceleration(place.speed_mps, place.cruise_mps, gap, standing, styles.law)
