"""A planner that tries its drives in the simulator: what it finds proves that a scenario can be done."""
