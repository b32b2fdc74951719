"""HighwayEnv: 31 IDM cars with MOBIL and the ego on a straight road of four lanes, 0.1 s a step.

Less than ours: no junctions, lights or pedestrians, and off-road is a test of the ego alone.
"""

import gymnasium
import highway_env  # noqa: F401  # pyright: ignore[reportMissingImports]

from benchmarks.peers.clock import tell

CARS = 31


def main() -> None:
    """One environment, as it is used."""
    config = {
        "vehicles_count": CARS, "simulation_frequency": 10, "policy_frequency": 10, "duration": 1e9,
        "offscreen_rendering": True,
    }  # fmt: skip
    env = gymnasium.make("highway-v0", config=config).unwrapped

    def drive(steps: int) -> None:
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(1)
            if terminated or truncated:
                env.reset()

    env.reset(seed=0)
    tell("HighwayEnv: IDM, MOBIL, collisions, observation of 5 cars", CARS + 1, 200, drive)


if __name__ == "__main__":
    main()
