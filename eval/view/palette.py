"""Colours on a dark ground: Okabe and Ito's set, which colour-blind people can tell apart."""

import numpy as np
from jaxtyping import Float, Int, UInt8

from eval.view.shapes import Rgb
from sim.scenario import AgentKind, AreaKind, LightState, ObstacleKind

BACKGROUND: Rgb = (17, 19, 23)
EGO: Rgb = (230, 120, 20)
KINDS: dict[AgentKind, Rgb] = {
    AgentKind.VEHICLE: (86, 180, 233),
    AgentKind.CYCLIST: (0, 190, 140),
    AgentKind.PEDESTRIAN: (226, 140, 190),
    AgentKind.OBJECT: (200, 200, 120),
}
AREAS: dict[AreaKind, Rgb] = {
    AreaKind.DRIVABLE: (50, 54, 61),
    AreaKind.WALKWAY: (40, 50, 46),
    AreaKind.CROSSWALK: (104, 99, 74),
}
OBSTACLES: dict[ObstacleKind, Rgb] = {
    ObstacleKind.BUILDING: (92, 88, 104),
    ObstacleKind.WALL: (104, 98, 92),
    ObstacleKind.POLE: (150, 150, 156),
    ObstacleKind.HEDGE: (58, 92, 60),
    ObstacleKind.TREE: (74, 108, 66),
}
LIGHTS: dict[LightState, Rgb] = {
    LightState.UNKNOWN: (190, 190, 190),
    LightState.GREEN: (0, 190, 120),
    LightState.YELLOW: (240, 228, 66),
    LightState.RED: (235, 60, 40),
}
LANE_LINE: Rgb = (120, 126, 135)
ROUTE: Rgb = (48, 58, 96)
PLAN: Rgb = (250, 250, 250)
STOP_LINE: Rgb = (190, 190, 190)
GROUND: Rgb = (88, 92, 98)
STRAY: Rgb = (150, 150, 150)

_VIRIDIS = np.array(
    ((68, 1, 84), (70, 50, 127), (54, 92, 141), (39, 127, 142), (31, 161, 135), (74, 194, 109),
     (159, 218, 58), (253, 231, 37)), dtype=np.float64)  # fmt: skip
_COSTS = np.array(((86, 180, 233), (60, 140, 130), (120, 95, 60)), dtype=np.float64)


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
