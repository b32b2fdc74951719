"""What the report calls each metric, which way is better, and when it has failed."""

from dataclasses import dataclass

from eval.report.run_folder import Row


@dataclass(frozen=True)
class Measure:
    """A metric as the report shows it. `failure`: what it means that the value is below 1."""

    key: str
    label: str
    higher_is_better: bool = True
    failure: str = ""


SCORE = "nuplan/score"
MEASURES = (
    Measure(SCORE, "Score"),
    Measure("nuplan/no_at_fault_collision", "No at-fault collision", failure="Collision"),
    Measure("nuplan/drivable_area_compliance", "Drivable area", failure="Off road"),
    Measure("nuplan/driving_direction_compliance", "Driving direction", failure="Wrong way"),
    Measure("nuplan/making_progress", "Making progress", failure="No progress"),
    Measure("nuplan/time_to_collision", "Time to collision", failure="Low TTC"),
    Measure("nuplan/comfort", "Comfort", failure="Comfort"),
    Measure("nuplan/ego_progress", "Progress"),
    Measure("nuplan/speed_limit_compliance", "Speed limit"),
    Measure("navsim/pdms", "PDMS"),
    Measure("navsim/drivable_area_compliance", "Drivable area (NAVSIM)"),
    Measure("navsim/time_to_collision", "Time to collision (NAVSIM)"),
    Measure("waymax/overlap", "Overlap", higher_is_better=False),
    Measure("waymax/offroad", "Off-road", higher_is_better=False),
    Measure("waymax/wrong_way", "Wrong way", higher_is_better=False),
    Measure("waymax/off_route", "Off route", higher_is_better=False),
    Measure("waymax/kinematic_infeasibility", "Kinematic infeasibility", higher_is_better=False),
    Measure("waymax/log_divergence", "Log divergence (m)", higher_is_better=False),
    Measure("waymax/progression", "Progression"),
)


def measures_of(rows: list[Row]) -> list[Measure]:
    """Those that the rows hold, in the order of `MEASURES`; unknown ones last, by name."""
    held = {name for row in rows for name in row.metrics}
    known = {measure.key for measure in MEASURES}
    others = [Measure(name, name) for name in sorted(held - known)]
    return [measure for measure in MEASURES if measure.key in held] + others


def failed(row: Row) -> list[str]:
    """Keys of the metrics that failed."""
    return [m.key for m in MEASURES if m.failure and row.metrics.get(m.key, 1.0) < 1.0]
