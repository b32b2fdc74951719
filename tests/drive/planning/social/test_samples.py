"""Samples by hand: along what is foretold, sooner or later; along lanes; of the nearest who move."""

import torch
from torch import Tensor

from drive.features.example import ExampleSpec
from drive.planning.candidates import DT_S, POINTS
from drive.planning.social.samples import ACTORS, DIPS_MPS2, SLOWER_MPS2, Samples
from sim.interface import JointForecast, Observation
from sim.scenario import AgentKind
from sim.simulator import Simulator
from tests.toy import Car, make_scenario, straight

ROAD = [straight(-60.0, 0.0, 200.0, 0.0), straight(-60.0, 3.5, 200.0, 3.5)]
EGO = Car(0, 0.0, 0.0, 0.0, 8.0)
PROFILES = len(SLOWER_MPS2) + len(DIPS_MPS2)


def observed(*others: Car) -> Observation:
    scenario = make_scenario(ROAD, [EGO, *others], 3.0, beside=[(1, 0)])
    simulator = Simulator.from_scenarios([scenario], "log", ExampleSpec(map=True).needs())
    return simulator.observe(simulator.reset())


def straight_on(observation: Observation, futures: int = 2) -> JointForecast:
    """Everybody at constant velocity, in each future."""
    agents = observation.agents
    time_s = DT_S * torch.arange(1, 13)
    place = agents.pose[..., None, :2] + time_s[:, None] * agents.velocity_mps.unsqueeze(2)
    yaw = agents.pose[..., None, 2:].expand(*place.shape[:3], 1)
    others = torch.cat((place, yaw), dim=-1)
    pose = torch.cat((torch.zeros_like(others[:, :1]), others), dim=1).unsqueeze(1)
    share = torch.full((len(agents.pose), futures), 1.0 / futures)
    return JointForecast(pose.expand(-1, futures, -1, -1, -1), share, DT_S)


def _way_m(samples: Samples, actor: int, k: int) -> Tensor:
    return samples.pose[0, actor, k, :, 0] - samples.now[0, actor, 0]


def test_a_car_goes_on_brakes_and_speeds_up_along_its_way() -> None:
    observation = observed(Car(1, 20.0, 3.5, 0.0, 6.0))
    samples = Samples.of(observation, straight_on(observation))
    assert samples.pose.shape == (1, 1, 2 * PROFILES + 10, POINTS, 3)
    # 6 m/s for 5 s; with -1.5 m/s2 it stands after 4 s and 12 m; with +0.7 m/s2 8.75 m farther.
    torch.testing.assert_close(float(_way_m(samples, 0, 0)[-1]), 30.0)
    brakes, faster = SLOWER_MPS2.index(-1.5), SLOWER_MPS2.index(0.7)
    torch.testing.assert_close(float(_way_m(samples, 0, brakes)[-1]), 12.0)
    torch.testing.assert_close(float(_way_m(samples, 0, faster)[-1]), 38.75, rtol=1e-4, atol=0.0)
    # -1.5 m/s2 for 1.5 s and back to 6 m/s after 3 s: 1.5 * 1.5^2 m less.
    dip = len(SLOWER_MPS2)
    assert abs(float(_way_m(samples, 0, dip)[-1]) - (30.0 - 1.5 * 1.5**2)) < 0.4
    assert (samples.pose[0, 0, :, :, 1] - 3.5).abs().max() < 1e-3
    free = samples.change_mps2[0, 0, :PROFILES]
    assert free.tolist() == torch.tensor(SLOWER_MPS2 + DIPS_MPS2).tolist()


def test_lane_bound_ones_keep_to_the_lane_whatever_is_foretold() -> None:
    observation = observed(Car(1, 20.0, 4.1, 0.1, 6.0))
    samples = Samples.of(observation, straight_on(observation))
    on_lane = samples.on_lane[0, 0]
    assert samples.valid[0, 0, on_lane].sum() == 5  # one way on; where a lane parts there are two
    bound = samples.pose[0, 0, on_lane & samples.valid[0, 0]]
    # 0.6 m left of it at first, 0.6 / e^3 after 30 m.
    assert abs(float(bound[0, -1, 1]) - 3.5) < 0.04
    assert bound[..., 2].abs().max() < 1e-3
    assert abs(float(samples.pose[0, 0, 0, -1, 1]) - 4.1) > 2.0


def test_the_nearest_who_move_come_first_and_things_never() -> None:
    parked = [Car(-1, 4.0 + 5.0 * k, -4.0) for k in range(ACTORS)]
    mover, thing = Car(1, 90.0, 3.5, 0.0, 6.0), Car(-1, 5.0, 5.0, kind=AgentKind.OBJECT)
    observation = observed(*parked, thing, mover)
    samples = Samples.of(observation, straight_on(observation))
    assert samples.agent.shape == (1, ACTORS)
    assert samples.agent[0].tolist() == [ACTORS + 1, *range(ACTORS - 1)]


def test_nobody_and_a_forecast_of_no_numbers() -> None:
    empty = observed()
    samples = Samples.of(empty, straight_on(empty))
    assert not samples.there.any()
    assert not samples.valid.any()
    observation = observed(Car(1, 20.0, 3.5, 0.0, 6.0))
    forecast = straight_on(observation)
    broken = JointForecast(torch.full_like(forecast.pose, torch.nan), forecast.probability, DT_S)
    samples = Samples.of(observation, broken)
    assert torch.isfinite(samples.pose[samples.valid]).all()
