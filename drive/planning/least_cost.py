"""From candidates and their costs to a plan."""

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import Candidates
from drive.planning.futures import Outlook, as_forecast
from sim.comfort import ACCELERATION_MPS2
from sim.interface import Observation, Occupancy, Plan

SHOWN = 32  # candidates that viewer and report get: the best


def least_cost_plan(
    observation: Observation,
    candidates: Candidates,
    cost: Float[Tensor, "b k"],
    terms: dict[str, Float[Tensor, "b k"]] | None = None,
    outlook: Outlook | None = None,
    occupancy: Occupancy | None = None,
) -> Plan:
    """The valid candidate of least cost; where there is none, the ego brakes to a stop."""
    cost = torch.where(candidates.valid, cost, torch.inf)
    order = cost.argsort(dim=1, stable=True)[:, :SHOWN]
    best = candidates.take(order)
    trajectory = torch.where(
        best.valid[:, :1, None], best.trajectory[:, 0], stop(observation, candidates)
    )
    forecast = None
    if outlook is not None:
        points, dt_s = trajectory.shape[1], candidates.dt_s
        time_s = dt_s * torch.arange(points + 1, device=cost.device)
        forecast = as_forecast(outlook.at(time_s), outlook.probability, 1, dt_s)
    costs = torch.gather(cost, 1, order)
    dearest = torch.where(best.valid, costs, -torch.inf).amax(dim=1, keepdim=True)
    dearest = torch.where(best.valid.any(dim=1, keepdim=True), dearest, 0.0)
    return Plan(
        trajectory,
        candidates.dt_s,
        candidates=torch.where(best.valid[..., None, None], best.trajectory[..., :3], 0.0),
        costs=torch.where(best.valid, costs, dearest),
        terms=terms and {name: torch.gather(v, 1, order) for name, v in terms.items()},
        forecast=forecast,
        occupancy=occupancy,
    )


def stop(observation: Observation, candidates: Candidates) -> Float[Tensor, "b t 5"]:
    """Straight on to a stop, at the instants of the candidates: constant braking at the bound of comfort."""
    speed, braking = observation.ego.speed_mps.clamp(min=0.0).unsqueeze(1), -ACCELERATION_MPS2[0]
    points = candidates.trajectory.shape[2]
    time_s = candidates.dt_s * torch.arange(1, points + 1, device=speed.device)
    time_s = torch.minimum(time_s, speed / braking)
    x = speed * time_s - 0.5 * braking * time_s.square()
    zero = torch.zeros_like(x)
    return torch.stack((x, zero, zero, speed - braking * time_s, zero), dim=-1)
