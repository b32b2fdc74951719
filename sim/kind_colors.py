"""The colours of what a scenario is made of, kind by kind, in a scheme of `sim.palette`."""

from sim.palette import Palette, Rgb, over
from sim.scenario import AgentKind, AreaKind, LightState, ObstacleKind


def agent_colors(scheme: Palette) -> dict[AgentKind, Rgb]:
    """Of all but the ego."""
    return {
        AgentKind.VEHICLE: scheme.vehicle,
        AgentKind.CYCLIST: scheme.cyclist,
        AgentKind.PEDESTRIAN: scheme.pedestrian,
        AgentKind.OBJECT: scheme.object,
    }


def area_colors(scheme: Palette) -> dict[AreaKind, Rgb]:
    """Of those that are shown, in the order in which one lies over the other."""
    return {
        AreaKind.WALKWAY: scheme.walkway,
        AreaKind.CARPARK: scheme.carpark,
        AreaKind.DRIVABLE: scheme.drivable,
        AreaKind.INTERSECTION: over(scheme.intersection, scheme.drivable),
        AreaKind.CROSSWALK: over(scheme.zebra, scheme.drivable),
    }


def obstacle_colors(scheme: Palette) -> dict[ObstacleKind, Rgb]:
    """Of what stands beside the road."""
    return {
        ObstacleKind.BUILDING: scheme.building,
        ObstacleKind.WALL: scheme.wall,
        ObstacleKind.POLE: scheme.wall,
        ObstacleKind.HEDGE: scheme.hedge,
        ObstacleKind.TREE: scheme.hedge,
    }


def light_colors(scheme: Palette) -> dict[LightState, Rgb]:
    """Of a traffic light and its stop line."""
    return {
        LightState.UNKNOWN: scheme.unknown,
        LightState.GREEN: scheme.green,
        LightState.YELLOW: scheme.yellow,
        LightState.RED: scheme.red,
    }
