"""The presets on scenes worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sim.env.observations import (
    AGENT_FEATURES,
    EDGE_POINTS,
    LIDAR,
    NEAREST_AGENTS,
    RASTER,
    STATE_FEATURES,
    VECTOR_FEATURES,
)
from sim.env.presets import PRESETS
from sim.interface import Agents, Needs, Observation
from sim.scenario import LightState, StopKind, StopLine
from sim.simulator import Simulator
from sim.sources.procedural import generate
from tests.toy import Car, make_scenario, straight

VECTOR = PRESETS["vector"].needs


def _simulator(*cars: Car, needs: Needs = VECTOR) -> Simulator:
    """A road along x, 3.5 m wide, limit 12 m/s, red line at x = 32."""
    stop = StopLine(np.array(((32.0, -1.75), (32.0, 1.75))), StopKind.SIGNAL, (0,), 0)
    scenario = make_scenario(
        [straight(-30, 0, 150, 0)], list(cars), limit_mps=12.0, stop_lines=[stop],
        light_state=np.full((1, 101), int(LightState.RED)),
    )  # fmt: skip
    return Simulator.from_scenarios([scenario], "log", needs)


def _vector(observation: Observation) -> torch.Tensor:
    encoded = PRESETS["vector"].encode(observation)
    assert isinstance(encoded, torch.Tensor)
    return encoded


def test_state_and_edges_by_hand() -> None:
    # The ego 0.5 m left of the middle, turned left by 0.1 rad, at 9 m/s.
    simulator = _simulator(Car(0, 0, 0.5, 0.1, 9.0))
    start = replace(simulator.reset(), ego_steering_rad=torch.tensor([0.2]))
    start.acceleration_mps2[:] = -2.0
    seen = _vector(simulator.observe(start))[0]
    assert seen.shape == (VECTOR_FEATURES,)
    # Its front is 2 m ahead of its centre, projected onto the route at x = 0: 30 m to the line.
    motion = (9 / 30, -2 / 8, 0.2 / (math.pi / 3), 0.5 / 5, 0.1 / math.pi, 1 - 30 / 60)
    assert torch.allclose(seen[:6], torch.tensor(motion), atol=1e-4)
    # The route's point 30 m ahead: (30, -0.5) turned by -0.1.
    x = 30 * math.cos(0.1) - 0.5 * math.sin(0.1)
    y = -30 * math.sin(0.1) - 0.5 * math.cos(0.1)
    point = torch.tensor((x / 60, y / 60, -math.sin(0.1), 12 / 30))
    assert torch.allclose(seen[6 + 4 * 5 : 6 + 4 * 6], point, atol=1e-4)
    # Edge: the point (5, 3) of the ego lies at y = 0.5 + 5 sin + 3 cos, the edge at 1.75.
    edges = seen[-len(EDGE_POINTS) :]
    off = 0.5 + 5 * math.sin(0.1) + 3 * math.cos(0.1) - 1.75
    assert float(edges[EDGE_POINTS.index((5.0, 3.0))]) == pytest.approx(off / 5, abs=0.02)
    assert float(edges[EDGE_POINTS.index((0.0, 0.0))]) == pytest.approx(-1.25 / 5, abs=0.02)


def test_nearest_agents_by_hand() -> None:
    # 20 m ahead at 4 m/s; 8 m to the left, facing left; 70 m ahead: out of reach.
    simulator = _simulator(
        Car(0, 0, 0, 0, 9.0), Car(-1, 70, 0), Car(-1, 20, 0, 0, 4.0, (6.0, 2.5, 2.0)),
        Car(-1, 0, 8, math.pi / 2, 3.0),
    )  # fmt: skip
    seen = _vector(simulator.observe(simulator.reset()))[0]
    agents = seen[STATE_FEATURES : STATE_FEATURES + AGENT_FEATURES * NEAREST_AGENTS]
    agents = agents.reshape(NEAREST_AGENTS, AGENT_FEATURES)
    left = (0, 8 / 60, 0, 1, -9 / 30, 3 / 30, 4 / 10, 2 / 5, 1)
    ahead = (20 / 60, 0, 1, 0, -5 / 30, 0, 6 / 10, 2.5 / 5, 1)
    assert torch.allclose(agents[:2], torch.tensor((left, ahead)), atol=1e-5)
    assert not agents[2:].any()


def test_padding_never_shows() -> None:
    scenarios = generate(["crosswalk"], 2, duration_s=2.0)
    simulator = Simulator.from_scenarios(scenarios, "log", VECTOR)
    plain = simulator.observe(simulator.reset())
    holes = plain.agents.valid.logical_not()
    assert holes.any()
    agents = plain.agents

    def poison(values: torch.Tensor) -> torch.Tensor:
        return torch.where(holes.unsqueeze(-1), torch.nan, values)

    poisoned = Agents(
        agents.id, poison(agents.pose), poison(agents.velocity_mps), poison(agents.size_m),
        agents.kind, agents.valid,
    )  # fmt: skip
    assert torch.equal(_vector(replace(plain, agents=poisoned)), _vector(plain))


def test_raster_and_lidar_by_hand() -> None:
    needs = Needs(raster=RASTER, lidar=LIDAR)
    simulator = _simulator(Car(0, 0, 0, 0, 9.0), Car(-1, 20, 0, 0, 6.0), needs=needs)
    observation = simulator.observe(simulator.reset())
    raster = PRESETS["raster"].encode(observation)
    assert isinstance(raster, dict)
    image = raster["image"][0]
    assert image.dtype == torch.uint8
    # 20 m ahead: cell (20 + 12) / 0.5 = 64, 24 / 0.5 = 48: a car that does 6 of 30 m/s.
    cell = dict(zip(RASTER.names, image[:, 64, 48].tolist(), strict=True))
    assert (cell["vehicles"], cell["drivable"], cell["pedestrians"]) == (255, 255, 0)
    assert (cell["velocity_x"], cell["velocity_y"]) == (int(128 + 127 * 6 / 30), 128)
    lidar = PRESETS["lidar"].encode(observation)
    assert isinstance(lidar, dict)
    # The beams of -2 degrees, from 1.8 m: the car's rear at 18 m is met at 1.17 m, above the body
    # (0.88 m) and before the cabin; behind, at (-x), the ground is 51.5 m away.
    row = LIDAR.elevations_deg.index(-2.0)
    ground = 1.8 / math.sin(math.radians(2.0))
    assert float(lidar["sweep"][0, 0, row, 90]) == pytest.approx(ground / 60, abs=1e-4)
    assert 18 / 60 < float(lidar["sweep"][0, 0, row, 0]) < 21 / 60
    assert float(lidar["sweep"][0, 0, 0].min()) == 1.0  # upwards: nothing
    assert torch.equal(lidar["state"], raster["state"])


@pytest.mark.parametrize("name", PRESETS)
def test_a_batch_is_in_its_space(name: str) -> None:
    scenarios = generate(["signalized_junction", "roundabout"], 2, duration_s=2.0)
    preset = PRESETS[name]
    simulator = Simulator.from_scenarios(scenarios, "log", preset.needs)
    encoded = preset.encode(simulator.observe(simulator.reset()))
    for k in range(2):
        if isinstance(encoded, dict):
            one = {key: value[k].numpy() for key, value in encoded.items()}
        else:
            one = encoded[k].numpy()
        assert preset.space.contains(one)
