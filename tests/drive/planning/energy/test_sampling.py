"""Trajectories drawn from an energy when it drives: chains over controls, and step by step."""

import math
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor

from drive.features.vectors import observed_scene
from drive.networks.weights import WeightsCard, save_weights
from drive.planning import make_planner
from drive.planning.candidates import Candidates
from drive.planning.energy.autoregressive import AutoregressiveEnergy
from drive.planning.energy.chains import begun, between_knots, walked
from drive.planning.energy.langevin import polynomial_decay
from drive.planning.energy.network import EnergyConfig, EnergyNetwork
from drive.planning.energy.planner import EnergyPlanner
from drive.planning.energy.sampling import STEPS, AutoregressivePlanner, LangevinPlanner
from drive.planning.samplers.drivable import can_drive, curvature_now
from sim.errors import InputError
from sim.interface import Observation
from sim.plan_check import check_plan
from tests.drive.planning.energy.stand_in import StraightSampler, lacking
from tests.drive.scenes import toy_examples

TINY = EnergyConfig(width=8, heads=2, pair_width=4, encoder_layers=1)
NAMES = ("energy_langevin", "energy_optimiser", "energy_autoregressive")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Random ones, of energies that differ much from trajectory to trajectory; by planner."""
    folder, found = tmp_path_factory.mktemp("weights"), {}
    for cls in (EnergyNetwork, AutoregressiveEnergy):
        torch.manual_seed(0)
        network = cls(TINY)
        *_, weight, _bias = network.energy.parameters()
        torch.nn.init.normal_(weight, std=5.0)
        found[cls.task] = str(folder / f"{cls.task}.safetensors")
        card = WeightsCard(cls.task, cls.version, asdict(TINY), {}, "", {})
        save_weights(Path(found[cls.task]), network, card)
    return {
        name: found["autoregressive_energy" if name == NAMES[2] else "energy"] for name in NAMES
    }


def _ready(
    name: str, weights: dict[str, str], seed: int = 0
) -> EnergyPlanner | AutoregressivePlanner:
    planner = make_planner(f"{name}@{weights[name]}")
    assert isinstance(planner, EnergyPlanner | AutoregressivePlanner)
    if isinstance(planner, EnergyPlanner):
        planner.sampler = StraightSampler()
    planner.reset(5, torch.device("cpu"), torch.Generator().manual_seed(seed))
    return planner


# Chains


def test_knots_by_hand() -> None:
    half = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]])
    torch.testing.assert_close(between_knots(5), half)


def _steady() -> tuple[Observation, Candidates]:
    """One straight way at the present speed in each of five worlds."""
    observation = toy_examples().observation
    return observation, StraightSampler()(observation).take(torch.full((5, 1), 2 * 3 + 1))


def test_changes_are_of_what_the_bicycle_does() -> None:
    observation, start = _steady()

    def energy_of(trajectory: Tensor) -> Tensor:
        return trajectory[..., 0].sum(dim=2)

    same = walked(energy_of, observation.ego, start, lambda _, y: y)
    torch.testing.assert_close(same.trajectory, start.trajectory, rtol=0, atol=0.05)
    # y = 1 throughout is 0.3 m/s2 more: after 5 s 1.5 m/s and 3.75 m.
    faster = walked(energy_of, observation.ego, start, lambda _, y: y + torch.tensor((1.0, 0.0)))
    more = (faster.trajectory - same.trajectory)[:, 0, -1]
    torch.testing.assert_close(more[:, 3], torch.full((5,), 1.5), rtol=0, atol=0.02)
    torch.testing.assert_close(more[:, 0], torch.full((5,), 3.75), rtol=0, atol=0.1)
    # The other half of it is 0.45 m/s3 more across: to the left, and no faster.
    aside = walked(energy_of, observation.ego, start, lambda _, y: y + torch.tensor((0.0, 1.0)))
    assert (aside.trajectory[:, 0, -1, 1] > 1.0).all()
    torch.testing.assert_close(aside.trajectory[..., 3], same.trajectory[..., 3], rtol=0, atol=1e-4)


def test_the_energy_of_a_change_is_that_of_where_it_leads() -> None:
    observation, start = _steady()
    seen = []

    def energy_of(trajectory: Tensor) -> Tensor:
        return (trajectory[:, :, -1, 0] - 30.0).square()

    def walk(energy: object, y: Tensor) -> Tensor:
        y = y + torch.tensor((2.0, 0.0))
        seen.append(energy(y))  # type: ignore[operator]
        return y

    reached = walked(energy_of, observation.ego, start, walk)
    torch.testing.assert_close(seen[0], energy_of(reached.trajectory), rtol=0.02, atol=2.0)


def test_what_cannot_be_driven_begins_nothing() -> None:
    observation, start = _steady()
    start.valid[1:3] = False
    start.trajectory[1:3] = torch.nan
    reached = walked(lambda t: t[..., 0].sum(dim=2), observation.ego, start, lambda _, y: y)
    assert reached.valid[:, 0].tolist() == [True, False, False, True, True]


def test_chains_begin_as_often_as_is_probable() -> None:
    # Weights 1, 1/2, 1/4 under exp(-E), and one that would be the likeliest could it be driven.
    energy = torch.tensor([0.0, math.log(2), math.log(4), -5.0]).expand(4000, 4)
    valid = torch.tensor([True, True, True, False]).expand(4000, 4)
    number = torch.arange(4.0).reshape(1, 4, 1, 1).expand(4000, 4, 10, 5)
    taken = begun(energy, Candidates(number, valid), 2, torch.Generator().manual_seed(0))
    first, second = taken.trajectory[:, :, 0, 0].unbind(1)
    share = torch.bincount(first.long(), minlength=4) / 4000
    torch.testing.assert_close(share, torch.tensor([4, 2, 1, 0]) / 7, rtol=0, atol=0.03)
    assert (first != second).all() and taken.valid.all()
    # After 0 the second is 1 or 2 in the ratio 2 to 1.
    after = torch.bincount(second[first == 0].long(), minlength=4)
    assert float(after[1] / after.sum()) == pytest.approx(2 / 3, abs=0.04)


# Planners


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_is_the_lowest_of_what_the_car_can_drive(
    name: str, weights: dict[str, str]
) -> None:
    observation = toy_examples().observation
    plan = _ready(name, weights).plan(observation)
    with torch.no_grad():
        rated = _ready(name, weights).rated(observation)
    check_plan(plan, 5, observation.step.device, name)
    cost = torch.where(rated.candidates.valid, rated.cost, torch.inf)
    best = rated.candidates.trajectory[torch.arange(5), cost.argmin(dim=1)]
    torch.testing.assert_close(plan.trajectory, best)
    assert rated.candidates.valid.any(dim=1).all()
    assert rated.cost.std(dim=1).min() > 1e-3
    # From the ego's own state on.
    ego = observation.ego
    speed = torch.cat((ego.speed_mps[:, None, None], plan.trajectory[:, None, :, 3]), dim=2)
    bend = torch.cat((curvature_now(ego)[:, None, None], plan.trajectory[:, None, :, 4]), dim=2)
    assert can_drive(speed, bend, ego.wheelbase_m).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_alone_decides(name: str, weights: dict[str, str]) -> None:
    observation = toy_examples().observation
    first, again, other = (_ready(name, weights, s).plan(observation) for s in (0, 0, 1))
    assert torch.equal(first.trajectory, again.trajectory)
    assert not torch.equal(first.trajectory, other.trajectory)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["nobody", "no rows", "no lanes"])
def test_what_is_missing_gives_a_plan_all_the_same(
    name: str, what: str, weights: dict[str, str]
) -> None:
    observation = lacking(what)
    check_plan(_ready(name, weights).plan(observation), 5, observation.step.device, name)


@pytest.mark.parametrize("name", NAMES[:2])
def test_where_nothing_can_be_driven_it_stops(name: str, weights: dict[str, str]) -> None:
    observation, planner = toy_examples().observation, _ready(name, weights)
    proposed = StraightSampler()(observation)
    proposed.valid[1:] = False
    assert isinstance(planner, EnergyPlanner)
    planner.sampler = lambda observation, generator=None: proposed
    plan = planner.plan(observation)
    assert (plan.trajectory[1:, -1, 3] == 0).all() and (plan.trajectory[1:, :, 1:3] == 0).all()
    stops = torch.equal(plan.trajectory[0, :, 1], torch.zeros(10))
    assert not stops


def test_the_optimiser_ends_lower_than_it_begins(weights: dict[str, str]) -> None:
    """In the mean over chains that begin as all 12 candidates."""
    observation, planner = toy_examples().observation, _ready("energy_optimiser", weights)
    assert isinstance(planner, LangevinPlanner)
    with torch.no_grad():
        end = planner.rated(observation).cost.mean(dim=1)
        around = planner.network.around(observed_scene(observation))
        begin = planner.priced(observation, around, StraightSampler()(observation)).cost
    assert (end < begin.mean(dim=1) - 0.2).all()


@pytest.mark.parametrize("name", NAMES[:2])
def test_over_a_flat_energy_chains_spread_as_their_noise_says(
    name: str, weights: dict[str, str]
) -> None:
    """Langevin's steps add up to a variance of sum s, the optimiser's to that of s z, |s z| at most 0.1."""
    observation, planner = toy_examples().observation, _ready(name, weights)
    assert isinstance(planner, LangevinPlanner)
    for weight in planner.network.energy.parameters():
        torch.nn.init.zeros_(weight)
    steady = StraightSampler()(observation).take(torch.full((5, 12), 2 * 3 + 1))
    planner.sampler = lambda observation, generator=None: steady
    with torch.no_grad():
        end = planner.rated(observation).candidates.trajectory[..., -1, 3]
    sizes = polynomial_decay(STEPS)
    variance = sum(sizes) if name == "energy_langevin" else sum(map(_clipped, sizes))
    # y_j changes the speed at the end by 0.3 m/s2 x 0.5 s x (2.78, 4.44, 2.78), the sums of `between_knots`.
    expected = 0.15 * math.sqrt((2 * 2.778**2 + 4.444**2) * variance)
    change = end - observation.ego.speed_mps.unsqueeze(1)
    assert float(change.std()) == pytest.approx(expected, rel=0.25)


def _clipped(size: float) -> float:
    """The variance of size z within +-0.1, for a normal z: size^2 E[min(z^2, c^2)], c = 0.1 / size."""
    c = 0.1 / size
    within = math.erf(c / math.sqrt(2)) - c * math.sqrt(2 / math.pi) * math.exp(-0.5 * c**2)
    return size**2 * (within + c**2 * math.erfc(c / math.sqrt(2)))


def test_steps_cost_minus_the_logarithm_of_their_probability(weights: dict[str, str]) -> None:
    observation, planner = toy_examples().observation, _ready(NAMES[2], weights)
    assert isinstance(planner, AutoregressivePlanner)
    with torch.no_grad():
        rated = planner.rated(observation)
        around = planner.network.around(observed_scene(observation))
        generator = torch.Generator().manual_seed(0)
        drawn, log_probability = planner.network.sample(around, 32, generator)
        by_itself = planner.network.log_probability(around, drawn[:, 3, :, :2])
    torch.testing.assert_close(rated.cost, -log_probability)
    torch.testing.assert_close(by_itself, log_probability[:, 3], rtol=1e-4, atol=1e-3)
    # The car's limits and lags keep it within metres of what was drawn, where that is not too wild for it.
    gap_m = (rated.candidates.trajectory - drawn)[..., :2].norm(dim=-1)
    assert gap_m.median() < 1.0


def test_without_weights_it_says_how_to_get_them() -> None:
    with pytest.raises(
        InputError, match=r"bevdrive train autoregressive_energy .*NAME@runs/latest"
    ):
        make_planner("energy_autoregressive")
