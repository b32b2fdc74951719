"""`Episodes`: a batch of worlds that are reset and stepped; both environments are built on it.

It starts no new episode by itself: that is decided in `single.py` and `vector.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sim import trees
from sim.env.actions import actions_of, checked_actions
from sim.env.picture import PICTURE, paint
from sim.env.presets import as_arrays, preset_of, space_of
from sim.env.reward import StepEvents, require_terms, reward_of
from sim.env.scorers import SCORERS
from sim.env.settings import Settings
from sim.errors import InputError, one_of
from sim.scenario import EGO
from sim.sensors.suite import SensorSuite
from sim.simulator import Simulator
from sim.world import World, WorldState


@dataclass(frozen=True)
class Outcome:
    """What one step gave, for each of B worlds; `scores`: of the episodes that ended with it."""

    reward: Float[Tensor, " b"]  # the sum of the terms
    terms: Mapping[str, Float[Tensor, " b"]]
    events: StepEvents
    scores: Mapping[str, Float[Tensor, " b"]]  # NaN: not ended, or no value
    terminated: Bool[Tensor, " b"]  # a collision, off the road (if it counts), or the route's end
    truncated: Bool[Tensor, " b"]  # the recording ends


class Episodes:
    """B worlds, each playing a scenario of one pool that is prepared once.

    Any world can be set to the start of any scenario of the pool at any time (`reset`).
    """

    def __init__(self, num_envs: int, settings: Settings, draws: bool = False) -> None:
        """All worlds begin the pool's first scenario. `draws`: make ready for `pictures`."""
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise InputError(f"num_envs: must be a whole number, at least 1, not {num_envs!r}")
        self.settings, self.preset = settings, preset_of(settings.observation)
        self.actions, self.reward = actions_of(settings.actions), reward_of(settings.reward)
        self._pool = Simulator.from_scenarios(
            settings.make_pool(), settings.traffic, self.preset.needs
        ).to(settings.device)
        self._pictures = SensorSuite.of(self._pool.world, PICTURE if draws else None)
        self.number = torch.zeros(num_envs, dtype=torch.long)  # the scenario that each world plays
        self.simulator = self._pool.take(self.number)
        self.state = self.simulator.reset()
        self._scorer = SCORERS.load(settings.score)() if settings.score else None
        self._past: list[WorldState] = []  # of the worlds' present episodes
        self.reset(np.arange(num_envs), np.zeros(num_envs, dtype=np.int64))
        seen = self.preset.encode(self.simulator.observe(self.state))
        self.observation_space = space_of(self.preset, seen, num_envs)
        events = StepEvents.between(self.world, self.state, self.state)
        require_terms(self.reward(events, self.world, self.state, self.state), num_envs)

    @property
    def world(self) -> World:
        """The worlds that are played now."""
        return self.simulator.world

    @property
    def scenario_ids(self) -> list[str]:
        """Ids of the pool's scenarios, by number."""
        return [scenario.scenario_id for scenario in self._pool.world.scenarios]

    def choose(self, options: dict | None) -> np.ndarray:
        """Numbers in the pool of the scenarios that `options` allow.

        Its keys: `scenario` (an id) and `family`; without any, all scenarios.
        """
        options = {} if options is None else options
        if not isinstance(options, dict):
            raise InputError(f"options: expected a dict, got {type(options).__name__}")
        for key in options:
            one_of("options", key, ("scenario", "family"))
        fit = np.ones(len(self._pool.world.scenarios), dtype=bool)
        for key, field in (("scenario", "scenario_id"), ("family", "family")):
            if key in options:
                have = np.array([getattr(s, field) for s in self._pool.world.scenarios])
                if options[key] not in have:
                    choices = ", ".join(sorted(set(have.tolist())))
                    raise InputError(f"options[{key!r}]: no {options[key]!r}; choices: {choices}")
                fit &= have == options[key]
        if not fit.any():
            raise InputError("options: that scenario is not of that family")
        return np.flatnonzero(fit)

    def reset(self, places: np.ndarray, numbers: np.ndarray) -> None:
        """Start scenario `numbers[k]` of the pool in world `places[k]`; the other worlds stay as they are."""
        where, index = torch.from_numpy(places), torch.from_numpy(numbers)
        self.simulator.put(where, self._pool, index)
        self.number[where] = index
        begun = torch.zeros(len(self.number), dtype=torch.bool)
        begun[where] = True
        begun = begun.to(self.state.step.device)
        self.state = trees.where(begun, self.simulator.reset(), self.state)
        longest = int(self.state.step.max())
        self._past = self._past[len(self._past) - longest :]

    def step(self, actions: Sequence | np.ndarray) -> Outcome:
        """Step all worlds by `dt_s`; one of the settings' actions a world."""
        given = checked_actions(self.actions.space, actions, len(self.number))
        action = torch.from_numpy(given).to(self.state.pose.device)
        before = self.state
        ego = self.simulator.ego_state(before)
        self.state = self.simulator.step(
            before, self.actions.controls(action, ego, self.world.dt_s)
        )
        if self._scorer:
            self._past.append(replace(before, past=None))
        events = StepEvents.between(self.world, before, self.state)
        terms = self.reward(events, self.world, before, self.state)
        reward = torch.stack(list(terms.values())).sum(dim=0)
        terminated = events.collided | events.arrived
        if self.settings.terminate_offroad:
            terminated = terminated | events.offroad
        truncated = (self.state.step >= self.world.length_steps) & ~terminated
        scores = self._scores(terminated | truncated)
        return Outcome(reward, terms, events, scores, terminated, truncated)

    def _scores(self, ended: Bool[Tensor, " b"]) -> dict[str, Tensor]:
        """Of the episodes that have just ended, up to now."""
        places = ended.nonzero().squeeze(1)
        if self._scorer is None or len(places) == 0:
            return {}
        states = [*self._past, replace(self.state, past=None)]
        steps = self.state.step[places]
        began = len(states) - 1 - steps
        table = trees.take(states[0], places)
        instants = [
            _rows(states, torch.minimum(began + k, began + steps), places, like=table)
            for k in range(int(steps.max()) + 1)
        ]
        world = self.world.take(places)
        world = replace(world, length_steps=torch.minimum(world.length_steps, steps))
        scores = self._scorer.score(world, instants)
        return {
            name: torch.full_like(self.state.speed_mps[:, EGO], torch.nan).index_copy(
                0, places, value
            )
            for name, value in scores.items()
        }

    def observe(self) -> np.ndarray | dict[str, np.ndarray]:
        """The observations of all worlds as the preset encodes them, in new numpy arrays."""
        return as_arrays(self.preset.encode(self.simulator.observe(self.state)))

    def pictures(self) -> np.ndarray:
        """RGB images `[B, H, W, 3]`, uint8, of what is around each ego, which points up."""
        image, _ = trees.take(self._pictures, self.number).sense(self.world, self.state)
        assert image is not None
        return paint(image)


def _rows(
    states: list[WorldState],
    instant: Int[Tensor, " k"],
    places: Int[Tensor, " k"],
    like: WorldState,
) -> WorldState:
    """Row `places[k]` of `states[instant[k]]`, for every k."""
    picked = like
    for number in instant.unique().tolist():
        rows = trees.take(states[number], places)
        picked = trees.where(instant == number, rows, picked)
    return picked


def info_of(outcome: Outcome) -> dict[str, np.ndarray]:
    """Gymnasium's `info`: the terms of the reward (`reward_*`) and the events, `[B]` each."""
    info = {f"reward_{name}": value for name, value in outcome.terms.items()}
    info |= {f.name: getattr(outcome.events, f.name) for f in fields(outcome.events)}
    return {name: value.cpu().numpy() for name, value in info.items()}
