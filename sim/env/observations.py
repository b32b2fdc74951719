"""How an `Observation` becomes what an environment returns: as vectors, rasters, sweeps.

Vectors are in the ego frame, scaled to [-1, 1] by the constants below and clipped there. Shapes: b
worlds, f features, k points or agents.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from sim.dynamics.bicycle import MAX_STEERING_RAD
from sim.geometry.grid import BevGrid
from sim.interface import Observation
from sim.sensors.lidar_presets import LidarSpec
from sim.sensors.raster import RasterSpec

REACH_M = 60.0  # positions of agents and route are divided by it
SPEED_MPS = 30.0
ACCELERATION_MPS2 = 8.0
EDGE_M = 5.0  # distances to the edge of the road and across the route are divided by it
ROUTE_AHEAD_M = (2, 5, 10, 15, 20, 30, 45, 60)
NEAREST_AGENTS = 12
AGENT_FEATURES = 9
# Places (x, y) in the ego frame at which the distance to the edge of the road is told.
EDGE_POINTS = tuple((x, y) for x in (0.0, 5.0, 10.0, 20.0, 30.0) for y in (-3.0, 0.0, 3.0))
STATE_FEATURES = 6 + 4 * len(ROUTE_AHEAD_M)
VECTOR_FEATURES = STATE_FEATURES + AGENT_FEATURES * NEAREST_AGENTS + len(EDGE_POINTS)

_VELOCITY = ("velocity_x", "velocity_y")
# 12 m behind to 36 m ahead. Motion is in the velocity channels: one image needs no past.
RASTER = RasterSpec(
    BevGrid(-12.0, -24.0, 0.5, 96, 96),
    ("drivable", "crosswalk", "centerline", "boundary", "route", "light_red", "vehicles",
     "cyclists", "pedestrians", "objects", *_VELOCITY),
)  # fmt: skip
# Small, so that an environment stays fast: a beam every 2 degrees around, down to 5 m from it.
LIDAR = LidarSpec((1.0, 0.0, -1.0, -2.0, -4.0, -7.0, -12.0, -20.0), 180, REACH_M)


def encode_state(observation: Observation) -> Float[Tensor, "b f"]:
    """STATE_FEATURES of the ego's motion, its place on the route and the route ahead.

    Speed over SPEED_MPS, acceleration over ACCELERATION_MPS2, steering angle over MAX_STEERING_RAD;
    distance to the left of the route over EDGE_M; the ego's yaw relative to the route over pi;
    closeness of the next stop line that a traffic light closes (1: the front bumper is at it; 0: it is
    REACH_M away or more, or there is none). Then for each of ROUTE_AHEAD_M metres along the route: x
    and y over REACH_M, sine of the yaw, speed limit over SPEED_MPS.
    """
    ego, route = observation.ego, observation.route
    here = _route_points(observation, (0,))[:, 0]
    offset = here[:, 0] * torch.sin(here[:, 2]) - here[:, 1] * torch.cos(here[:, 2])
    front_m = route.ego_s_m + 0.5 * ego.size_m[:, 0]
    closeness = 1.0 - ((route.stop_s_m - front_m) / REACH_M).clamp(0.0, 1.0)
    motion = (
        ego.speed_mps / SPEED_MPS,
        ego.acceleration_mps2 / ACCELERATION_MPS2,
        ego.steering_rad / MAX_STEERING_RAD,
        offset / EDGE_M,
        -here[:, 2] / torch.pi,
        closeness,
    )
    ahead = _route_points(observation, ROUTE_AHEAD_M)
    points = torch.stack(
        (
            ahead[..., 0] / REACH_M,
            ahead[..., 1] / REACH_M,
            torch.sin(ahead[..., 2]),
            ahead[..., 3] / SPEED_MPS,
        ),
        dim=-1,
    )
    return torch.cat((torch.stack(motion, dim=-1), points.flatten(1)), dim=-1).clamp(-1.0, 1.0)


def encode_vector(observation: Observation) -> Float[Tensor, "b f"]:
    """VECTOR_FEATURES: `encode_state`, the nearest agents, and the edges of the road.

    For each of NEAREST_AGENTS within REACH_M, the nearest first: x and y over REACH_M, cosine and sine
    of the yaw, velocity minus the ego's over SPEED_MPS (x, y), length over 10 m, width over 5 m, and
    a 1; zeros where there are fewer agents. At each of EDGE_POINTS: signed distance to the edge of the
    road over EDGE_M, negative on the road.
    """
    ego = observation.ego.speed_mps
    points = torch.tensor(EDGE_POINTS, device=ego.device).expand(len(ego), -1, 2)
    assert observation.map is not None
    edges = observation.map.offroad_distance_m(points) / EDGE_M
    parts = (encode_state(observation), _nearest_agents(observation).flatten(1), edges)
    return torch.cat(parts, dim=-1).clamp(-1.0, 1.0)


def encode_raster(observation: Observation) -> dict[str, Tensor]:
    """`image` `[b, C, X, Y]`, uint8, with the channels and the grid of `RASTER`; and `state [b, f]`.

    A channel is 0 or 255; those of velocity (m/s, ego frame) are 128 + 127 v / SPEED_MPS. `state` is
    that of `encode_state`.
    """
    assert observation.raster is not None
    still = len(RASTER.names) - len(_VELOCITY)
    flags, velocity = observation.raster[:, :still], observation.raster[:, still:]
    velocity = 128.0 + 127.0 * (velocity / SPEED_MPS).clamp(-1.0, 1.0)
    image = torch.cat((255.0 * flags, velocity), dim=1).to(torch.uint8)
    return {"image": image, "state": encode_state(observation)}


def encode_lidar(observation: Observation) -> dict[str, Tensor]:
    """`sweep [b, 2, E, A]`: range over the sensor's longest (1: no return), intensity; and `state`."""
    sweep = observation.lidar
    assert sweep is not None
    range_m = torch.where(sweep.hit, sweep.range_m / LIDAR.max_range_m, 1.0)
    image = torch.stack((range_m, sweep.intensity), dim=1).clamp(0.0, 1.0)
    return {"sweep": image, "state": encode_state(observation)}


def _route_points(observation: Observation, ahead_m: tuple[int, ...]) -> Float[Tensor, "b k 4"]:
    """x, y, yaw (ego frame), speed limit (m/s) of the route so many metres ahead along it."""
    route = observation.route
    step = torch.tensor(ahead_m, device=route.ego_s_m.device)
    index = (route.ego_s_m.unsqueeze(1) + step).round().long().clamp(0, route.pose.shape[1] - 1)
    pose = torch.gather(route.pose, 1, index.unsqueeze(-1).expand(-1, -1, 3))
    return torch.cat((pose, torch.gather(route.speed_limit_mps, 1, index).unsqueeze(-1)), dim=-1)


def _nearest_agents(observation: Observation) -> Float[Tensor, "b k f"]:
    """AGENT_FEATURES of NEAREST_AGENTS, as `encode_vector` describes them."""
    agents, speed = observation.agents, observation.ego.speed_mps
    distance = torch.linalg.vector_norm(agents.pose[..., :2], dim=-1)
    near = agents.valid & (distance < REACH_M)
    count = min(NEAREST_AGENTS, near.shape[1])
    order = torch.where(near, distance, torch.inf).topk(count, dim=1, largest=False).indices
    yaw, vx = agents.pose[..., 2], agents.velocity_mps[..., 0] - speed.unsqueeze(1)
    features = torch.stack(
        (
            agents.pose[..., 0] / REACH_M,
            agents.pose[..., 1] / REACH_M,
            torch.cos(yaw),
            torch.sin(yaw),
            vx / SPEED_MPS,
            agents.velocity_mps[..., 1] / SPEED_MPS,
            agents.size_m[..., 0] / 10.0,
            agents.size_m[..., 1] / 5.0,
            torch.ones_like(yaw),
        ),
        dim=-1,
    )
    features = torch.where(near.unsqueeze(-1), features, 0.0)
    nearest = torch.gather(features, 1, order.unsqueeze(-1).expand(-1, -1, AGENT_FEATURES))
    return torch.nn.functional.pad(nearest, (0, 0, 0, NEAREST_AGENTS - count))
