"""The styles of a world's drivers as tensors, and the noise in what each of them does."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.scenario import Scenario, Styles
from sim.styles import hostile_styles, uniform_styles
from sim.traffic.drivers import Drivers
from sim.traffic.idm_law import IdmParams

Manner = Literal["drawn", "uniform", "hostile"]
"""`drawn`: as the scenarios have them; `uniform`: all alike; `hostile`: as drawn, but nobody yields"""
# A car that stands takes about so long to clear a lane that it crosses (10 m at 1.5 m/s2): accepted
# gaps are counted from its start, the margin from when it is out of the way.
CROSSING_S = 4.0
NOISE_EVERY_S = 0.5
NOISE_LASTS_S = (1.3, 20.0)  # Zhang's residuals on highD; the errors of Treiber's HDM (2006)
_HURRIED_HEADWAY = 0.6
_FULL_NOISE_MPS = 5.0  # slower, there is less of it: who stands does not tremble


@dataclass(frozen=True)
class DriverStyles:
    """One row a driver; `noise_mps2` every `NOISE_EVERY_S` from the start of the recording.

    None: nobody's acceleration is noisy or late.
    """

    law: IdmParams  # of tensors `[B, D]`
    speed_factor: Float[Tensor, "b d"]
    politeness: Float[Tensor, "b d"]
    margin_s: Float[Tensor, "b d"]  # left between being out of the way and the other's arrival
    lane_change_s: Float[Tensor, "b d"]
    yields: Int[Tensor, "b d"]  # Yielding
    runs_red: Bool[Tensor, "b d"]
    rolls_stop: Bool[Tensor, "b d"]
    reaction_s: Float[Tensor, "b d"]
    noise_mps2: Float[Tensor, "b d k"] | None
    changes_lanes: Bool[Tensor, " b"]  # where that is better for them, and not only where they must

    @staticmethod
    def of(
        scenarios: list[Scenario], drivers: Drivers, dt_s: float, manner: Manner
    ) -> "DriverStyles":
        """As the scenarios have them, or as `manner` says."""
        styled = [s.styles is not None and manner != "uniform" for s in scenarios]
        rows = [_styles(scenario, manner) for scenario in scenarios]

        def of_drivers(name: str) -> Tensor:
            plain = [trees.of_tensor_type(getattr(row, name)) for row in rows]
            values = trees.stack_padded(plain, fill=1)
            return drivers.pick(values.to(drivers.agent.device))

        return DriverStyles(
            law=IdmParams(
                of_drivers("min_gap_m"),
                of_drivers("headway_s"),
                of_drivers("max_acceleration_mps2"),
                of_drivers("braking_mps2"),
            ),
            speed_factor=of_drivers("speed_factor"),
            politeness=of_drivers("politeness"),
            margin_s=of_drivers("accepted_gap_s") - CROSSING_S,
            lane_change_s=of_drivers("lane_change_s"),
            yields=of_drivers("yields"),
            runs_red=of_drivers("runs_red"),
            rolls_stop=of_drivers("rolls_stop"),
            reaction_s=of_drivers("reaction_s"),
            noise_mps2=_noise(scenarios, rows, drivers, dt_s) if any(styled) else None,
            changes_lanes=torch.tensor(styled, device=drivers.agent.device),
        )

    @property
    def braking_mps2(self) -> Float[Tensor, "b d"]:
        """What is comfortable."""
        return torch.as_tensor(self.law.braking_mps2)

    @property
    def hurried_law(self) -> IdmParams:
        """With a part of the headway: of those who let nobody in."""
        return replace(self.law, headway_s=_HURRIED_HEADWAY * self.law.headway_s)

    def as_done(
        self,
        wanted_mps2: Float[Tensor, "b d"],
        before_mps2: Float[Tensor, "b d"],
        speed_mps: Float[Tensor, "b d"],
        step: Int[Tensor, " b"],
        dt_s: float,
    ) -> Float[Tensor, "b d"]:
        """What becomes of an acceleration that is wanted: noisy, and late by a first-order lag.

        Braking harder than is comfortable is neither.
        """
        if self.noise_mps2 is None:
            return wanted_mps2
        knot = step * (dt_s / NOISE_EVERY_S)
        low = torch.floor(knot).long().clamp(max=self.noise_mps2.shape[2] - 2)
        world = torch.arange(len(step), device=step.device)
        part = (knot - low).clamp(max=1.0).unsqueeze(1)
        noise = torch.lerp(self.noise_mps2[world, :, low], self.noise_mps2[world, :, low + 1], part)
        noisy = wanted_mps2 + noise * (speed_mps / _FULL_NOISE_MPS).clamp(max=1.0)
        late = torch.lerp(before_mps2, noisy, dt_s / (dt_s + self.reaction_s))
        return torch.where(wanted_mps2 < -self.braking_mps2, wanted_mps2, late)


def _styles(scenario: Scenario, manner: Manner) -> Styles:
    drawn = None if manner == "uniform" else scenario.styles
    styles = drawn or uniform_styles(scenario.num_agents)
    return hostile_styles(styles) if manner == "hostile" else styles


def _noise(
    scenarios: list[Scenario], styles: list[Styles], drivers: Drivers, dt_s: float
) -> Float[Tensor, "b d k"]:
    """`DriverStyles.noise_mps2`: the sum of two Ornstein-Uhlenbeck processes of equal variance.

    Each driver's is drawn by itself: it depends neither on the others nor on the batch.
    """
    knots = 2 + int(max(s.num_instants for s in scenarios) * dt_s / NOISE_EVERY_S)
    agent = drivers.agent.cpu().numpy()
    shock = np.zeros((*agent.shape, knots, len(NOISE_LASTS_S)))
    for w, (scenario, style) in enumerate(zip(scenarios, styles, strict=True)):
        digest = hashlib.sha256(scenario.scenario_id.encode()).digest()
        for d in np.flatnonzero(drivers.real[w].cpu().numpy()):
            n = int(agent[w, d])
            if style.noise_mps2[n] > 0.0:
                rng = np.random.default_rng((int.from_bytes(digest[:8], "big"), n))
                scale = style.noise_mps2[n] / np.sqrt(len(NOISE_LASTS_S))
                shock[w, d] = scale * rng.standard_normal((knots, len(NOISE_LASTS_S)))
    keep = np.exp(-NOISE_EVERY_S / np.array(NOISE_LASTS_S))
    value = shock[..., 0, :]
    noise = [value.sum(axis=-1)]
    for k in range(1, knots):
        value = keep * value + np.sqrt(1.0 - keep**2) * shock[..., k, :]
        noise.append(value.sum(axis=-1))
    return torch.from_numpy(np.stack(noise, axis=-1).astype(np.float32)).to(drivers.agent.device)
