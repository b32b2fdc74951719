"""What the viewer shows in which colour: the two schemes of `sim.palette`, and scales of colours."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int, UInt8

from eval.view.shapes import Rgb
from sim.kind_colors import agent_colors, area_colors, light_colors, obstacle_colors
from sim.palette import DARK, LIGHT, over
from sim.scenario import AgentKind, AreaKind, LightState, ObstacleKind


@dataclass(frozen=True)
class Colors:
    """One of the `THEMES`; made by `colors_of`."""

    background: Rgb
    ink: Rgb
    paper: Rgb
    """what text stands on"""
    ego: Rgb
    kinds: dict[AgentKind, Rgb]
    hit: Rgb
    """around who collides with the ego"""
    areas: dict[AreaKind, Rgb]
    zebra: Rgb
    obstacles: dict[ObstacleKind, Rgb]
    lights: dict[LightState, Rgb]
    lane_line: Rgb
    connector: Rgb
    middle_line: Rgb
    """between lanes of opposite directions"""
    stop_line: Rgb
    route: Rgb
    plan: Rgb
    forecast: Rgb
    perceived: Rgb
    goes: Rgb
    waits: Rgb
    ground_point: Rgb
    """lidar points on the ground, and of unknown class"""
    stray_point: Rgb
    costs: Float[np.ndarray, "3 3"]
    """of the cheapest candidate, one in between, the dearest"""

    def faint(self, rgb: Rgb, share: float) -> Rgb:
        """`share` of a colour, the rest background."""
        return over((*rgb, share), self.background)

    def by_cost(self, costs: Float[np.ndarray, " n"]) -> UInt8[np.ndarray, "n 3"]:
        """From the cheapest to the dearest, as in the report."""
        costs = np.asarray(costs, dtype=np.float64)
        return _interpolate(self.costs, (costs - costs.min()) / max(np.ptp(costs), 1e-6))


@lru_cache
def colors_of(theme: str) -> Colors:
    """The colours of "dark" or "light"."""
    scheme = {"dark": DARK, "light": LIGHT}[theme]
    areas = area_colors(scheme)
    return Colors(
        background=scheme.ground, ink=scheme.ink, paper=scheme.paper, ego=scheme.ego,
        kinds=agent_colors(scheme), hit=scheme.hit,
        areas={kind: areas[kind] for kind in (AreaKind.WALKWAY, AreaKind.DRIVABLE)},
        zebra=areas[AreaKind.CROSSWALK],
        obstacles=obstacle_colors(scheme),
        lights=light_colors(scheme),
        lane_line=scheme.edge, connector=over(scheme.connector, scheme.drivable),
        middle_line={"dark": (190, 155, 60), "light": (190, 140, 0)}[theme],
        stop_line=scheme.unknown, route=over(scheme.route, scheme.drivable), plan=scheme.plan,
        forecast=scheme.forecast, perceived=scheme.perceived, goes=scheme.goes, waits=scheme.waits,
        ground_point={"dark": (88, 92, 98), "light": (150, 154, 160)}[theme],
        stray_point={"dark": (150, 150, 150), "light": (100, 100, 100)}[theme],
        costs=np.array((scheme.cost_low, scheme.cost_middle, scheme.cost_high), dtype=np.float64),
    )  # fmt: skip


_VIRIDIS = np.array(
    ((68, 1, 84), (70, 50, 127), (54, 92, 141), (39, 127, 142), (31, 161, 135), (74, 194, 109),
     (159, 218, 58), (253, 231, 37)), dtype=np.float64)  # fmt: skip


def by_value(values: Float[np.ndarray, " n"], low: float, high: float) -> UInt8[np.ndarray, "n 3"]:
    """Viridis: dark blue at `low` and below, yellow at `high` and above."""
    return _interpolate(_VIRIDIS, (np.asarray(values) - low) / max(high - low, 1e-6))


def by_number(numbers: Int[np.ndarray, " n"]) -> UInt8[np.ndarray, "n 3"]:
    """A colour of its own for each number: hues a golden angle apart."""
    hue = (np.asarray(numbers) * 0.61803398875) % 1.0
    wave = (hue[:, None] + np.array((0.0, 2 / 3, 1 / 3))) * 2 * np.pi
    return np.rint(150 + 95 * np.cos(wave)).astype(np.uint8)


def _interpolate(anchors: np.ndarray, place: np.ndarray) -> np.ndarray:
    at = np.clip(np.nan_to_num(place), 0.0, 1.0) * (len(anchors) - 1)
    grid = np.arange(len(anchors))
    channels = [np.interp(at, grid, anchors[:, k]) for k in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
