"""What the viewer shows in which colour: the dark scheme of `sim.palette`, and scales of colours."""

import numpy as np
from jaxtyping import Float, Int, UInt8

from eval.view.shapes import Rgb
from sim.kind_colors import agent_colors, area_colors, light_colors, obstacle_colors
from sim.palette import DARK, over

BACKGROUND: Rgb = DARK.ground
EGO: Rgb = DARK.ego
HIT: Rgb = DARK.hit
KINDS = agent_colors(DARK)
AREAS = area_colors(DARK)
OBSTACLES = obstacle_colors(DARK)
LIGHTS = light_colors(DARK)
INK: Rgb = DARK.ink
PAPER: Rgb = DARK.paper
LANE_LINE: Rgb = DARK.edge
ROUTE: Rgb = over(DARK.route, DARK.drivable)
PLAN: Rgb = DARK.plan
FORECAST: Rgb = DARK.forecast
PERCEIVED: Rgb = DARK.perceived
GOES: Rgb = DARK.goes
WAITS: Rgb = DARK.waits
STOP_LINE: Rgb = DARK.unknown
GROUND: Rgb = (88, 92, 98)  # of lidar points
STRAY: Rgb = (150, 150, 150)

_VIRIDIS = np.array(
    ((68, 1, 84), (70, 50, 127), (54, 92, 141), (39, 127, 142), (31, 161, 135), (74, 194, 109),
     (159, 218, 58), (253, 231, 37)), dtype=np.float64)  # fmt: skip
_COSTS = np.array((DARK.cost_low, DARK.cost_middle, DARK.cost_high), dtype=np.float64)


def by_value(values: Float[np.ndarray, " n"], low: float, high: float) -> UInt8[np.ndarray, "n 3"]:
    """Viridis: dark blue at `low` and below, yellow at `high` and above."""
    return _interpolate(_VIRIDIS, (np.asarray(values) - low) / max(high - low, 1e-6))


def by_cost(costs: Float[np.ndarray, " n"]) -> UInt8[np.ndarray, "n 3"]:
    """From blue (cheapest) over teal to brown (dearest), as in the report."""
    costs = np.asarray(costs, dtype=np.float64)
    return _interpolate(_COSTS, (costs - costs.min()) / max(np.ptp(costs), 1e-6))


def by_number(numbers: Int[np.ndarray, " n"]) -> UInt8[np.ndarray, "n 3"]:
    """A colour of its own for each number: hues a golden angle apart."""
    hue = (np.asarray(numbers) * 0.61803398875) % 1.0
    wave = (hue[:, None] + np.array((0.0, 2 / 3, 1 / 3))) * 2 * np.pi
    return np.rint(150 + 95 * np.cos(wave)).astype(np.uint8)


def mix(rgb: Rgb, share: float, ground: Rgb = BACKGROUND) -> Rgb:
    """`share` of a colour, the rest background."""
    red, green, blue = (
        round(share * c + (1 - share) * g) for c, g in zip(rgb, ground, strict=True)
    )
    return red, green, blue


def _interpolate(anchors: np.ndarray, place: np.ndarray) -> np.ndarray:
    at = np.clip(np.nan_to_num(place), 0.0, 1.0) * (len(anchors) - 1)
    grid = np.arange(len(anchors))
    channels = [np.interp(at, grid, anchors[:, k]) for k in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
