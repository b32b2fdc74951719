"""`PdmRules`: where the published PDM-Closed and the improved one differ, rule by rule.

Published: Dauner et al. 2023, tuplan_garage. `benchmarks/pdm_changes.py` tells what each change is
worth; `docs/results.md` has its table.
"""

from dataclasses import dataclass, field

from drive.planning.idm_rollout import RolloutRules


@dataclass(frozen=True)
class PdmRules:
    """How proposals are made, simulated and scored; the defaults are the published planner's."""

    rollout: RolloutRules = field(default_factory=RolloutRules)
    plan_steps: int = 80
    """how far the chosen proposal is planned, in steps of 0.1 s; 40 of them are simulated"""
    gains_of_reference: bool = False
    """the LQR is linearised about the reference's speeds, and stops where the reference does; else
    about the car's own speed and command, with a P controller near a stop"""
    keeps_who_is_met: bool = False
    """time to collision: looks 0.3, 0.6, 0.9 s ahead, whoever is met while not ahead counts later; else
    also at once, and he is dropped for good"""
    offroad_tolerance_m: float = 0.0
    grace_off_road: bool = False
    """who is off the road already is not asked to be on it at once"""
    direction_by_flow: bool = False
    """wrong way is what is driven against the flow of lanes within 1 s; else the longest stretch off
    the route's lanes"""
    progress_ungated: bool = False
    """a proposal's own progress is not lowered by its gates"""
    comfort_of_half_seconds: bool = False
    """bounds hold for the motion itself and differences over half a second; else for polynomials fitted
    to all samples"""
    brakes_at_limit: bool = False
    """an emergency stop brakes with 4.05 m/s2; else by a P law of the speed"""
    off_center_cost: float = 0.0
    """of the score, per metre off the middle of the lane"""


PUBLISHED = PdmRules()
IMPROVED = PdmRules(
    rollout=RolloutRules(
        hardest_braking_mps2=6.0, least_gap_m=0.1, clamps_wanted_gap=True, clamps_lead_speed=True,
        trapezoid=True, slows_in_curves=True, side_margin_m=0.2,
    ),
    plan_steps=40,
    gains_of_reference=True,
    keeps_who_is_met=True,
    offroad_tolerance_m=0.05,
    grace_off_road=True,
    direction_by_flow=True,
    progress_ungated=True,
    comfort_of_half_seconds=True,
    brakes_at_limit=True,
    off_center_cost=0.05,
)  # fmt: skip
