"""`Facts`: what several metrics need to know of a rollout, each computed once and shared."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics.comfort import ego_comfort
from eval.rollout import Rollout
from sim.compiling import materialize
from sim.contacts import at_fault
from sim.dynamics.bicycle import rear_of
from sim.geometry import box
from sim.maps.driven_lanes import corner_lanes, in_common_or_connected
from sim.maps.expert_route import driven_by
from sim.maps.lane_bits import AreaBit
from sim.scenario import EGO, AgentKind

# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_OBJECT, _INTERSECTION = int(AgentKind.OBJECT), int(AreaBit.INTERSECTION)


@dataclass(frozen=True)
class Facts:
    """B worlds at T instants, N agents of whom the first is the ego, A = N - 1 others; K lanes.

    What lies after a world's end (`Rollout.active`) means nothing.
    """

    is_object: Bool[Tensor, "b a"]
    """no road user, but a cone, a barrier, debris"""
    speed_mps: Float[Tensor, "b t n"]
    """objects stand, whatever velocity is recorded"""
    ego_rear: Float[Tensor, "b t 3"]
    """the pose of the ego's rear axle: bearings are taken from there"""
    touching: Bool[Tensor, "b a t"]
    """the ego's box and the other's overlap"""
    contact_begins: Bool[Tensor, "b a t"]
    """they do for the first time: each agent collides once"""
    contact_at_fault: Bool[Tensor, "b a t"]
    """a contact begins, and is the ego's fault (nuPlan)"""
    lanes: Bool[Tensor, "b t k"]
    """the lanes that the ego drives along, as nuPlan assigns them (`sim.maps.driven_lanes`)"""
    in_one_lane: Bool[Tensor, "b t"]
    """the ego is in one lane, or in lanes that follow one another (nuPlan)"""
    in_single_lane: Bool[Tensor, "b t"]
    """one lane holds the ego's corners, or they touch at most one (NAVSIM)"""
    in_junction: Bool[Tensor, "b t"]
    """the ego's rear axle is"""
    offroad_m: Float[Tensor, "b t"]
    """how far the ego's farthest corner is off the drivable area; negative on it"""
    route_s_m: Float[Tensor, "b t"]
    """where the ego is along its route (arc length)"""
    expert_s_m: Float[Tensor, "b l"]
    """where the recorded ego was along the same route, at the L instants of the recording"""
    comfortable: Bool[Tensor, "b t"]
    """nuPlan's bounds hold for the ego's motion"""
    at_goal: Bool[Tensor, "b t"]
    """the ego has crossed its goal line"""

    @staticmethod
    def of(rollout: Rollout) -> "Facts":
        """Everything, once."""
        world, ego = rollout.world, rollout.pose[:, :, EGO]
        corners = box.corners(ego, world.size_m[:, None, EGO, :2])
        areas = world.lane_areas
        under = areas.hold(corners)
        one_lane = in_common_or_connected(
            corner_lanes(under, areas.is_connector[areas.row], areas.successor[areas.row]),
            areas.successor[areas.row],
        )
        single = under.all(dim=2).any(dim=-1) | (under.any(dim=2).sum(dim=-1) <= 1)
        last = rollout.active.sum(dim=1) - 1
        rear = rear_of(ego, world.wheelbase_m[:, EGO, None])
        is_object = world.kind == _OBJECT
        speed_mps = rollout.velocity_mps.norm(dim=-1).masked_fill(is_object.unsqueeze(1), 0.0)
        touching = _touching(rollout)
        begins = touching & (touching.cumsum(dim=-1) == 1)
        (offroad_m,) = materialize(world.field.offroad_distance_m(corners))
        return Facts(
            is_object=is_object[:, 1:],
            speed_mps=speed_mps,
            ego_rear=rear,
            touching=touching,
            contact_begins=begins,
            contact_at_fault=begins & blame(rollout, speed_mps, one_lane),
            lanes=driven_by(ego[..., :2], areas, world.field, last),
            in_one_lane=one_lane,
            in_single_lane=single,
            in_junction=(world.field.area_bits_at(rear[..., :2]) & _INTERSECTION) != 0,
            offroad_m=offroad_m.amax(dim=-1),
            route_s_m=world.paths.ego_s_m(ego),
            expert_s_m=world.paths.ego_s_m(world.log.pose[:, EGO]),
            comfortable=ego_comfort(rollout),
            at_goal=world.goals.reached(ego[..., :2]) & rollout.active,
        )


def blame(
    rollout: Rollout, speed_mps: Float[Tensor, "b t n"], keeps_lane: Bool[Tensor, "b t"]
) -> Bool[Tensor, "b a t"]:
    """Whether a contact that began now would be the ego's fault."""
    size_m = rollout.world.size_m[..., None, :2]
    pose, speed = rollout.pose.transpose(1, 2), speed_mps.transpose(1, 2)
    wheelbase = rollout.world.wheelbase_m[:, :1, None]
    return at_fault(
        pose[:, :1], size_m[:, :1], wheelbase, speed[:, :1], keeps_lane.unsqueeze(1),
        pose[:, 1:], size_m[:, 1:], speed[:, 1:],
    )  # fmt: skip


def _touching(rollout: Rollout) -> Bool[Tensor, "b a t"]:
    size_m = rollout.world.size_m[..., None, :2]
    pose, valid = rollout.pose.transpose(1, 2), rollout.valid.transpose(1, 2)
    overlap = box.overlaps(pose[:, :1], size_m[:, :1], pose[:, 1:], size_m[:, 1:])
    return overlap & valid[:, 1:] & valid[:, :1]
