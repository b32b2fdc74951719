"""`Example`: what the ego knew at an instant, what then happened, and what was true all along.

There is one way to make them: from scenarios. A recording is one, and what was driven in closed loop
becomes one (`sim.sources.driven`); so every learned part is trained on the same form.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from drive.features.intentions import UNKNOWN, intentions
from drive.features.raster import PAST_S
from drive.features.sweeps import LIDAR, sweep_bits
from sim import trees
from sim.geometry import se2
from sim.interface import Agents, History, Needs, Observation, Perception
from sim.maps.lane_table import LaneSpec
from sim.recording import recorded_state
from sim.scenario import EGO, Scenario
from sim.simulator import Simulator
from sim.world import World

Table = TypeVar("Table", bound="Agents | History | Future | Truth")


@dataclass(frozen=True)
class ExampleSpec:
    """How far examples look back and ahead, and how much of a scene they hold.

    `num_agents`: the ego and the others nearest to it. Futures have an entry every `future_dt_s`. `map`: the
    observation answers questions about the map; such examples can be neither joined nor stored. `sweeps`:
    what a lidar saw is part of them.
    """

    history_s: float = 1.0
    future_s: float = 6.0
    future_dt_s: float = 0.5
    num_agents: int = 32
    lanes: LaneSpec = field(default_factory=LaneSpec)
    map: bool = False
    sweeps: bool = False
    path_points: int = 40
    path_spacing_m: float = 3.0

    def needs(self, perception: Perception = "tracks") -> Needs:
        """What an observation has to show to be part of an example."""
        return Needs(
            self.history_s,
            map=self.map,
            lanes=self.lanes,
            lidar=LIDAR if self.sweeps else None,
            perception=perception,
        )

    @property
    def future_points(self) -> int:
        """Entries of a future."""
        return round(self.future_s / self.future_dt_s)


@dataclass(frozen=True)
class Future:
    """Where everyone then was, every `dt_s`, first one `dt_s` from now; row 0 is the ego.

    Seen from where the ego is now. Entries that are not valid may hold anything.
    """

    pose: Float[Tensor, "b n t 3"]
    valid: Bool[Tensor, "b n t"]
    dt_s: float


@dataclass(frozen=True)
class Truth:
    """What only the world knows, for labels and for baselines that may cheat; rows as in `Future`.

    `path_m`: each agent's own route ahead of it, a point every `path_spacing_m`, the first beside it.
    Rows that nobody has hold zeros.
    """

    path_m: Float[Tensor, "b n k 2"]
    path_valid: Bool[Tensor, "b n"]  # it has a route
    intention: Int[Tensor, "b n"]  # within `future_s`: IntentionKind; -1: not known
    path_spacing_m: float


@dataclass(frozen=True)
class Example:
    """B instants. `scenario`: the number of the scenario that each is from, in the order given.

    `sweeps`: what the lidar saw (`drive.features.sweeps`), in place of points in the observation.
    """

    observation: Observation
    future: Future
    truth: Truth
    scenario: Int[Tensor, " b"]
    sweeps: UInt8[Tensor, "b c u w"] | None = None

    @property
    def num(self) -> int:
        """How many instants these are."""
        return len(self.scenario)


def make_examples(
    scenarios: list[Scenario],
    spec: ExampleSpec,
    every_s: float = 1.0,
    perception: Perception = "tracks",
) -> Iterator[Example]:
    """Instants `every_s` apart, from `history_s` after the start to `future_s` before the end.

    A scenario too short for that gives one instant, of which the last entries are not valid. Batched
    over scenarios, one instant of all that last so long after the other. All need the same `dt_s`.
    """
    world = World.from_scenarios(scenarios, maps=spec.map)
    simulator = Simulator.of(world, "log", spec.needs(perception))
    ahead, begin, stride = (round(s / world.dt_s) for s in (spec.future_s, spec.history_s, every_s))
    last = (world.length_steps - ahead).clamp(min=0)
    first = torch.minimum(last, torch.full_like(last, begin))
    labels = [intentions(scenario, spec.future_s) for scenario in scenarios]
    intention = trees.stack_padded(labels, UNKNOWN)
    for turn in range(int((last - first).max()) // max(1, stride) + 1):
        step = first + turn * max(1, stride)
        which = (step <= last).nonzero().squeeze(1)
        does = intention[which, :, step[which]]
        yield _at(simulator.take(which), step[which], which, does, spec)


def _at(
    simulator: Simulator, step: Tensor, number: Tensor, intention: Tensor, spec: ExampleSpec
) -> Example:
    """One instant of each world."""
    state = simulator.reset(step)
    observation = simulator.observe(state)
    world, world_SE2_ego = simulator.world, state.pose[:, EGO]
    example = Example(
        observation=replace(observation, lidar=None),
        future=_future(world, step, world_SE2_ego, spec),
        truth=_truth(world, state.pose, world_SE2_ego, intention, spec),
        scenario=number,
        sweeps=_sweeps(simulator, step, observation) if spec.sweeps else None,
    )
    return _nearest(example, spec.num_agents)


def _sweeps(simulator: Simulator, step: Tensor, observation: Observation) -> Tensor:
    """As a planner with a `SweepMemory` would have kept them."""
    world, lidar = simulator.world, simulator.sensors.lidar
    assert lidar is not None
    ago = [round(past_s / world.dt_s) for past_s in PAST_S]
    before = [recorded_state(world, (step - steps).clamp(min=0)) for steps in ago]
    sweeps = [lidar.sweep(world, state).measured for state in before]
    return sweep_bits(observation, list(zip(ago, sweeps, strict=True)))


def _future(world: World, step: Tensor, world_SE2_ego: Tensor, spec: ExampleSpec) -> Future:
    stride = round(spec.future_dt_s / world.dt_s)
    instant = step.unsqueeze(1) + stride * torch.arange(1, spec.future_points + 1)
    recorded = instant <= world.length_steps.unsqueeze(1)
    instant = instant.clamp(max=world.log.valid.shape[2] - 1)
    row = torch.arange(len(step)).unsqueeze(1)
    pose = world.log.pose[row, :, instant].transpose(1, 2)
    valid = world.log.valid[row, :, instant].transpose(1, 2) & recorded.unsqueeze(1)
    ego_SE2_world = se2.inverse(world_SE2_ego)[:, None, None]
    return Future(se2.compose(ego_SE2_world, pose), valid, spec.future_dt_s)


def _truth(
    world: World, pose: Tensor, world_SE2_ego: Tensor, intention: Tensor, spec: ExampleSpec
) -> Truth:
    path = world.paths.agent_path
    s_m, _ = world.paths.along(path.clamp(min=0), pose)
    ahead = s_m.unsqueeze(2) + spec.path_spacing_m * torch.arange(spec.path_points)
    points = world.paths.position_at(path.clamp(min=0).unsqueeze(2).expand(ahead.shape), ahead)
    seen = se2.transform_points(se2.inverse(world_SE2_ego)[:, None, None], points)
    return Truth(seen, path >= 0, intention, spec.path_spacing_m)


def _nearest(example: Example, num_agents: int) -> Example:
    """With the ego and the `num_agents - 1` others nearest to it, padded to as many.

    Those that the ego knows of come first.
    """
    observation, others = example.observation, num_agents - 1
    agents, history = observation.agents, observation.history
    assert history is not None
    distance = agents.pose[..., :2].norm(dim=-1)
    distance = torch.where(agents.valid, distance, torch.inf)
    order = distance.argsort(dim=1, stable=True)[:, :others]
    ego = torch.zeros_like(order[:, :1])
    rows = torch.cat((ego, order + 1), dim=1)  # of tables in which row 0 is the ego
    return replace(
        example,
        observation=replace(
            observation,
            agents=_pick(agents, order, others),
            history=_pick(history, rows, num_agents),
        ),
        future=_pick(example.future, rows, num_agents),
        truth=_pick(example.truth, rows, num_agents),
    )


def _pick(table: Table, rows: Tensor, length: int) -> Table:
    """Rows `[b k]` of a table's second axis, and zeros up to `length`."""
    batch = torch.arange(len(rows)).unsqueeze(1)

    def pick(values: Tensor) -> Tensor:
        chosen = values[batch, rows]
        out = chosen.new_zeros((len(rows), length, *values.shape[2:]))
        out[:, : rows.shape[1]] = chosen
        return out

    return trees.map_tensors(pick, table)


def concatenated(examples: list[Example]) -> Example:
    """One batch of all of them, in that order."""
    return trees.merged(torch.cat, examples)


def trimmed(example: Example) -> Example:
    """Without the last rows of agents, and of lanes, that nobody in the batch has (one of each is left).

    Made for examples as `make_examples` gives them: who is known comes first.
    """
    observation, lanes = example.observation, example.observation.lanes
    assert observation.history is not None
    assert lanes is not None
    others = _last_true(observation.agents.valid)
    lines = slice(0, _last_true(lanes.valid))
    agents, everyone = slice(0, others), slice(0, others + 1)
    return replace(
        example,
        observation=replace(
            observation,
            agents=trees.map_tensors(lambda t: t[:, agents], observation.agents),
            history=trees.map_tensors(lambda t: t[:, everyone], observation.history),
            lanes=trees.map_tensors(lambda t: t[:, lines], lanes),
        ),
        future=trees.map_tensors(lambda t: t[:, everyone], example.future),
        truth=trees.map_tensors(lambda t: t[:, everyone], example.truth),
    )


def _last_true(valid: Bool[Tensor, "b a"]) -> int:
    number = torch.arange(1, valid.shape[1] + 1)
    return max(1, int(torch.where(valid.any(dim=0), number, 0).max()))
