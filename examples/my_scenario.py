"""Somebody cuts in close, and further on a pedestrian crosses: python examples/my_scenario.py

Then: bevdrive simulate --source saved --path scenarios --planner idm,pdm; bevdrive view scenarios
"""

from sim.scenario import Yielding
from sim.sources.by_hand import ScenarioBuilder

build = ScenarioBuilder("my cut-in", duration_s=14.0)
left = build.lane([(0, 0), (260, 0)], name="left")
right = build.lane([(0, -3.5), (260, -3.5)], name="right")
back = build.lane([(260, 3.5), (0, 3.5)], name="back")
build.side_by_side(left, right)
crossing = build.crosswalk(right, left, back, at_m=190.0)

build.ego(lane=left, at_m=20.0, speed_mps=12.0, goal=(left, 130.0), time_limit_s=14.0)
rude = {"yields": Yielding.NEVER, "politeness": 0.0, "speed_factor": 0.7}  # of the limit
build.car(right, at_m=42.0, speed_mps=10.5, route=[left], change_at_m=50.0, style=rude)
build.car(left, at_m=90.0, speed_mps=11.0)
build.car(back, at_m=60.0, speed_mps=12.0)
build.cyclist(right, at_m=110.0)
build.parked_car(back, at_m=120.0)
build.pedestrian(path=crossing)
build.obstacle([(60, -16), (95, -16), (95, -9), (60, -9)], height_m=9.0)

if __name__ == "__main__":
    print(build.save("scenarios/my_cut_in.scenario"))
