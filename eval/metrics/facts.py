"""`Facts`: what several metrics need to know of a rollout, each computed once and shared."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from eval.metrics.comfort import ego_comfort
from eval.rollout import Rollout
from sim.contacts import at_fault, in_one_lane
from sim.geometry import box
from sim.maps.lane_bits import AreaBit
from sim.scenario import EGO, AgentKind

# Plain ints: compiled, a tensor compared with an enum's member is silently False.
_OBJECT, _INTERSECTION = int(AgentKind.OBJECT), int(AreaBit.INTERSECTION)


@dataclass(frozen=True)
class Facts:
    """B worlds at T instants, N agents of whom the first is the ego, A = N - 1 others.

    What lies after a world's end (`Rollout.active`) means nothing.
    """

    is_object: Bool[Tensor, "b a"]
    """no road user, but a cone, a barrier, debris"""
    speed_mps: Float[Tensor, "b t n"]
    touching: Bool[Tensor, "b a t"]
    """the ego's box and the other's overlap"""
    contact_begins: Bool[Tensor, "b a t"]
    """they do for the first time, and did not at the start: each agent collides once"""
    contact_at_fault: Bool[Tensor, "b a t"]
    """a contact begins, and is the ego's fault"""
    in_one_lane: Bool[Tensor, "b t"]
    """the ego is (`sim.contacts.in_one_lane`)"""
    in_junction: Bool[Tensor, "b t"]
    """the ego's centre is"""
    offroad_m: Float[Tensor, "b t"]
    """how far the ego's farthest corner is off the drivable area; negative on it"""
    route_s_m: Float[Tensor, "b t"]
    """where the ego is along its route (arc length)"""
    expert_s_m: Float[Tensor, "b l"]
    """where the recorded ego was along the same route, at the L instants of the recording"""
    comfortable: Bool[Tensor, "b t"]
    """nuPlan's bounds hold for the ego's motion"""

    @staticmethod
    def of(rollout: Rollout) -> "Facts":
        """Everything, once."""
        world, ego = rollout.world, rollout.pose[:, :, EGO]
        corners = box.corners(ego, world.size_m[:, None, EGO, :2])
        one_lane = in_one_lane(world.field.lane_bits_at(corners))
        in_junction = (world.field.area_bits_at(ego[..., :2]) & _INTERSECTION) != 0
        speed_mps = rollout.velocity_mps.norm(dim=-1)
        touching = _touching(rollout)
        # Overlaps that exist at the first instant come from the recording: nobody's fault.
        begins = touching & (touching.cumsum(dim=-1) == 1) & ~touching[..., :1]
        return Facts(
            is_object=world.kind[:, 1:] == _OBJECT,
            speed_mps=speed_mps,
            touching=touching,
            contact_begins=begins,
            contact_at_fault=begins & _blame(rollout, speed_mps, one_lane & ~in_junction),
            in_one_lane=one_lane,
            in_junction=in_junction,
            offroad_m=world.field.offroad_distance_m(corners).amax(dim=-1),
            route_s_m=world.paths.ego_s_m(ego),
            expert_s_m=world.paths.ego_s_m(world.log.pose[:, EGO]),
            comfortable=ego_comfort(rollout),
        )


def _touching(rollout: Rollout) -> Bool[Tensor, "b a t"]:
    size_m = rollout.world.size_m[..., None, :2]
    pose, valid = rollout.pose.transpose(1, 2), rollout.valid.transpose(1, 2)
    overlap = box.overlaps(pose[:, :1], size_m[:, :1], pose[:, 1:], size_m[:, 1:])
    return overlap & valid[:, 1:] & valid[:, :1]


def _blame(
    rollout: Rollout, speed_mps: Float[Tensor, "b t n"], keeps_lane: Bool[Tensor, "b t"]
) -> Bool[Tensor, "b a t"]:
    """Whether a contact that began now would be the ego's fault."""
    size_m = rollout.world.size_m[..., None, :2]
    pose, speed = rollout.pose.transpose(1, 2), speed_mps.transpose(1, 2)
    return at_fault(
        pose[:, :1], size_m[:, :1], speed[:, :1], keeps_lane.unsqueeze(1),
        pose[:, 1:], size_m[:, 1:], speed[:, 1:],
    )  # fmt: skip
