"""Makes an exact sweep like a real one: range noise, lost returns, stray returns."""

from dataclasses import dataclass, replace

import torch

from sim.sensors.lidar import Lidar
from sim.sensors.lidar_scene import NO_AGENT, REFLECTIVITY, LidarClass
from sim.sensors.sweep import LabelledSweep


@dataclass(frozen=True)
class LidarNoise:
    """How strong the noise is.

    A return is kept with probability `exp(-(range / reach_m)^2 / strength)`, where `strength` is its
    intensity over `clear_intensity`: far, grazing and dark surfaces are lost first. Kept ranges have
    Gaussian noise of `range_sigma_m`. A share `dark_cars` of the vehicles reflects a tenth of what
    others do; which ones depends on `paint_seed` alone, so a car stays dark from sweep to sweep. A
    share `stray_share` of all beams returns from dust or rain, before anything else is hit.
    """

    range_sigma_m: float = 0.02
    reach_m: float = 90.0
    clear_intensity: float = 0.25
    dark_cars: float = 0.15
    paint_seed: int = 0
    stray_share: float = 5e-4


def add_noise(
    lidar: Lidar, sweep: LabelledSweep, noise: LidarNoise, generator: torch.Generator
) -> LabelledSweep:
    """A noisy copy of what `lidar` saw. The same state of `generator` gives the same sweep.

    Stray returns have class NOISE and no agent.
    """
    device = sweep.range_m.device

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator, device=device)

    worlds = sweep.range_m.shape[0]
    # Whether each of at most 4096 agents is dark; more agents repeat the pattern.
    paint = torch.Generator(device).manual_seed(noise.paint_seed)
    dark = torch.rand((worlds, 4096), generator=paint, device=device) < noise.dark_cars
    index = sweep.agent.clamp(min=0).flatten(1) % 4096
    is_dark = torch.gather(dark, 1, index).reshape(sweep.agent.shape)
    is_dark &= sweep.label == int(LidarClass.VEHICLE)
    intensity = torch.where(is_dark, 0.1 * sweep.intensity, sweep.intensity)
    strength = (intensity / noise.clear_intensity).clamp(min=1e-6)
    kept_share = torch.exp(-((sweep.range_m / noise.reach_m) ** 2) / strength)
    shape = sweep.range_m.shape
    hit = sweep.hit & (uniform(*shape) < kept_share)
    normal = torch.randn(shape, generator=generator, device=device)
    range_m = (sweep.range_m + noise.range_sigma_m * normal).clamp(min=0.0)
    stray = uniform(*shape) < noise.stray_share
    # Dust and rain float between the sensor and what it would have seen.
    free_m = torch.where(sweep.hit, sweep.range_m, lidar.spec.max_range_m)
    range_m = torch.where(stray, uniform(*shape) * free_m, range_m)
    hit = hit | stray
    range_m = torch.where(hit, range_m, 0.0)
    label = torch.where(stray, int(LidarClass.NOISE), sweep.label)
    noise_intensity = REFLECTIVITY[LidarClass.NOISE]
    return replace(
        sweep,
        range_m=range_m,
        point_m=lidar.points(range_m),
        intensity=torch.where(hit, torch.where(stray, noise_intensity, intensity), 0.0),
        hit=hit,
        agent=torch.where(hit & ~stray, sweep.agent, NO_AGENT),
        label=torch.where(hit, label, int(LidarClass.NOTHING)),
        cos_incidence=torch.where(hit & ~stray, sweep.cos_incidence, 0.0),
    )
