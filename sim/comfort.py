"""nuPlan's bounds of comfort: what passengers of human drivers put up with.

nuplan-devkit, `planning/metrics/evaluators` (Karnchanachari et al. 2024). Metrics, planners and
rewards judge by them.
"""

ACCELERATION_MPS2 = (-4.05, 2.40)  # along: braking, speeding up
LATERAL_ACCELERATION_MPS2 = 4.89
JERK_MPS3 = 8.37  # of the whole acceleration
LONGITUDINAL_JERK_MPS3 = 4.13
YAW_RATE_RADPS = 0.95
YAW_ACCELERATION_RADPS2 = 1.93
