"""`VectorScene`: an observation as agents, lanes with their lights, and the route, to make tokens of."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from sim.errors import InputError
from sim.geometry import se2
from sim.interface import Observation
from sim.scenario import AgentKind, LaneKind

KINDS = len(AgentKind)
ROUTE = len(LaneKind)  # the kind of a line that is a piece of the ego's route
LINE_KINDS = len(LaneKind) + 1
_ROUTE_SPACING_M = 2  # points of the route that are kept


@dataclass(frozen=True)
class VectorScene:
    """N agents, row 0 the ego, and E lines of P points; any one frame. Invalid entries hold zeros.

    H instants of history, `dt_s` apart, the present last.
    """

    agent_pose: Float[Tensor, "b n 3"]
    agent_size_m: Float[Tensor, "b n 2"]
    agent_kind: Int[Tensor, "b n"]  # AgentKind
    agent_valid: Bool[Tensor, "b n"]
    history_pose: Float[Tensor, "b n h 3"]
    history_velocity_mps: Float[Tensor, "b n h 2"]
    history_valid: Bool[Tensor, "b n h"]
    line_m: Float[Tensor, "b e p 2"]
    line_point_valid: Bool[Tensor, "b e p"]
    line_kind: Int[Tensor, "b e"]  # LaneKind, or ROUTE
    line_speed_limit_mps: Float[Tensor, "b e"]
    line_light: Int[Tensor, "b e"]  # LightState
    line_on_route: Bool[Tensor, "b e"]
    line_reachable: Bool[Tensor, "b e"]
    line_valid: Bool[Tensor, "b e"]
    dt_s: float
    sweeps: UInt8[Tensor, "b c u w"] | None = None  # `drive.features.sweeps`; the ego frame's alone

    @property
    def velocity_mps(self) -> Float[Tensor, "b n 2"]:
        """Of every agent, now."""
        return self.history_velocity_mps[:, :, -1]

    def moved(self, new_SE2_old: Float[Tensor, "b 3"]) -> "VectorScene":
        """The same scene in another frame, without sweeps."""
        frame = new_SE2_old[:, None, None]
        return replace(
            self,
            agent_pose=se2.compose(new_SE2_old[:, None], self.agent_pose),
            history_pose=se2.compose(frame, self.history_pose),
            history_velocity_mps=se2.rotate(self.history_velocity_mps, frame[..., 2]),
            line_m=se2.transform_points(frame, self.line_m),
            sweeps=None,
        )


def vector_scene(observation: Observation) -> VectorScene:
    """Of an observation with history and lanes, in the ego frame.

    What is invalid becomes zero, whatever it held. Raises ValueError where it has neither.
    """
    agents, history = observation.agents, observation.history
    if history is None:
        raise ValueError("the observation holds no history: ask for it by Needs(history_s=...)")
    lines = _lines(observation)
    there = history.valid.unsqueeze(-1)
    ego = agents.valid.new_ones(len(agents.valid), 1)  # there may be nobody else
    valid = torch.cat((ego, agents.valid), dim=1)
    pose = torch.cat((torch.zeros_like(history.pose[:, :1, -1]), agents.pose), dim=1)
    kind = torch.cat((agents.kind.new_zeros(ego.shape), agents.kind), dim=1)
    size = torch.cat((observation.ego.size_m.unsqueeze(1), agents.size_m), dim=1)
    return VectorScene(
        agent_pose=torch.where(valid.unsqueeze(-1), pose, 0.0),
        agent_size_m=torch.where(valid.unsqueeze(-1), size, 0.0),
        agent_kind=torch.where(valid, kind, 0),
        agent_valid=valid,
        history_pose=torch.where(there, history.pose, 0.0),
        history_velocity_mps=torch.where(there, history.velocity_mps, 0.0),
        history_valid=history.valid,
        dt_s=observation.dt_s,
        **lines,
    )


def observed_scene(observation: Observation) -> VectorScene:
    """`vector_scene`, for who foretells: InputError where a value that counts is not finite.

    One NaN would be all over a network's answer. In compiled code nobody looks.
    """
    scene = vector_scene(observation)
    for f in fields(scene):
        if f.name not in ("dt_s", "sweeps"):
            require_finite(f"observation: {f.name}", getattr(scene, f.name))
    return scene


def require_finite(name: str, values: Tensor) -> None:
    """Raise InputError naming the first world in which a value is not finite; nothing in compiled code."""
    if torch.compiler.is_compiling() or bool(torch.isfinite(values).all()):
        return
    world = int((~torch.isfinite(values)).flatten(1).any(dim=1).nonzero()[0])
    raise InputError(f"{name} of world {world} holds a value that is not finite")


def _lines(observation: Observation) -> dict[str, Tensor]:
    """The pieces of lanes, and behind them those of the route, cut into as many points each."""
    lanes, route = observation.lanes, observation.route
    if lanes is None:
        raise ValueError("the observation holds no lanes: ask for them by Needs(lanes=LaneSpec())")
    batch, points = len(observation.step), lanes.point_m.shape[2]
    on_way = route.pose[:, ::_ROUTE_SPACING_M, :2]
    limit = route.speed_limit_mps[:, ::_ROUTE_SPACING_M]
    pieces = on_way.shape[1] // points
    way = on_way[:, : pieces * points].reshape(batch, pieces, points, 2)
    s_m = _ROUTE_SPACING_M * torch.arange(pieces * points, device=way.device)
    way_there = (s_m <= route.length_m.unsqueeze(1)).reshape(batch, pieces, points)
    there = torch.cat((lanes.point_valid & lanes.valid.unsqueeze(-1), way_there), dim=1)
    there = there & there[:, :, 1:2]  # a single point leads nowhere
    valid = there.any(dim=2)

    def both(of_lanes: Tensor, of_route: Tensor | int | bool) -> Tensor:
        wanted = (batch, pieces, *of_lanes.shape[2:])
        if not isinstance(of_route, Tensor):
            of_route = of_lanes.new_full(wanted, of_route)
        out = torch.cat((of_lanes, of_route), dim=1)
        mask = there if out.ndim > 2 else valid
        mask = mask.reshape(*mask.shape, *(1,) * (out.ndim - mask.ndim))
        return torch.where(mask, out, torch.zeros_like(out))

    return {
        "line_m": both(lanes.point_m, way),
        "line_point_valid": there,
        "line_kind": both(lanes.kind, ROUTE),
        "line_speed_limit_mps": both(lanes.speed_limit_mps, limit[:, ::points][:, :pieces]),
        "line_light": both(lanes.light, 0),
        "line_on_route": both(lanes.on_route, True),
        "line_reachable": both(lanes.reachable, True),
        "line_valid": valid,
    }
