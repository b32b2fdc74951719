"""Roll-outs of the kinematic bicycle from the ego's true state, under drawn or given controls."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drive.planning.candidates import DT_S, POINTS, Candidates
from drive.planning.samplers.drivable import curvature_now, from_rear_axle, sharpest_curvature
from sim.dynamics.bicycle import (
    ACCELERATION_LAG_S,
    STEERING_LAG_S,
    BicycleState,
    bicycle_step,
)
from sim.interface import EgoState, Observation

STEP_S = 0.1
_STEPS_A_POINT = round(DT_S / STEP_S)

PIECES = 3  # of constant controls, over the horizon
ACCELERATION_MPS2 = (-5.0, 3.0)
JERK_MPS3 = 1.5  # across
CURVATURE_RATE = 0.1  # 1/(m s); where the car is so slow that it is not the jerk that limits it


@dataclass(frozen=True)
class RolloutSampler:
    """Draws `num` roll-outs a world: accelerations and curvature rates, constant in each of `PIECES`."""

    num: int = 2000

    def __call__(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> Candidates:
        """Curvature changes the less the faster the ego is now: v^2 dk/dt is at most `JERK_MPS3`."""
        ego = observation.ego
        device = ego.speed_mps.device
        shape = (2, len(ego.speed_mps), self.num, PIECES)
        low, high = ACCELERATION_MPS2
        pedal, wheel = torch.rand(shape, generator=generator, device=device)
        most = (JERK_MPS3 / ego.speed_mps.square().clamp(min=1e-3)).clamp(max=CURVATURE_RATE)
        piece = torch.arange(POINTS, device=device) * PIECES // POINTS
        acceleration = low + (high - low) * pedal
        curvature_rate = (2.0 * wheel - 1.0) * most.reshape(-1, 1, 1)
        return roll_out(ego, acceleration[..., piece], curvature_rate[..., piece])


def roll_out(
    ego: EgoState,
    acceleration_mps2: Float[Tensor, "b k t"],
    curvature_rate: Float[Tensor, "b k t"],
) -> Candidates:
    """The ego's bicycle driven so that it accelerates and turns as told, each value for one `DT_S`.

    It does as far as its limits and lags let it, and no curvature is taken at more than
    `MAX_LATERAL_MPS2`.
    """
    wheelbase_m = ego.wheelbase_m.unsqueeze(1)
    car = _car(ego, acceleration_mps2.shape[1])
    moved, speeds = [], [car.speed_mps]
    curvatures = [curvature_now(ego).unsqueeze(1).expand_as(car.speed_mps)]
    for wanted, rate in zip(acceleration_mps2.unbind(2), curvature_rate.unbind(2), strict=True):
        for _ in range(_STEPS_A_POINT):
            car = _driven(car, wanted, rate, wheelbase_m)
        moved.append(car.rear_pose)
        speeds.append(car.speed_mps)
        curvatures.append(torch.tan(car.steering_rad) / wheelbase_m)
    return from_rear_axle(
        torch.stack(moved, dim=2),
        torch.stack(speeds, dim=2),
        torch.stack(curvatures, dim=2),
        ego.wheelbase_m,
    )


def _car(ego: EgoState, num: int) -> BicycleState:
    """K of the ego's car, in the frame of its rear axle."""
    shape = (len(ego.speed_mps), num)
    speed, acceleration, steering = (
        field.unsqueeze(1).expand(shape)
        for field in (ego.speed_mps, ego.acceleration_mps2, ego.steering_rad)
    )
    return BicycleState(speed.new_zeros(*shape, 3), speed, acceleration, steering)


def _driven(
    car: BicycleState, acceleration_mps2: Tensor, curvature_rate: Tensor, wheelbase_m: Tensor
) -> BicycleState:
    """One step, under the commands whose lagging answer is what is wanted."""
    acceleration = car.acceleration_mps2 + (acceleration_mps2 - car.acceleration_mps2) * (
        1.0 + ACCELERATION_LAG_S / STEP_S
    )
    fastest = car.speed_mps + acceleration_mps2.clamp(min=0.0) * STEP_S
    sharpest = sharpest_curvature(fastest, wheelbase_m)
    curvature = torch.tan(car.steering_rad) / wheelbase_m + curvature_rate * STEP_S
    steering = torch.atan(wheelbase_m * curvature.clamp(-sharpest, sharpest))
    rate = (steering - car.steering_rad) * (1.0 + STEERING_LAG_S / STEP_S) / STEP_S
    return bicycle_step(car, acceleration, rate, wheelbase_m, STEP_S)
