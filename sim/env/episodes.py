"""`Episodes`: what the single and the vector environment have in common, batched and without resets
of its own accord.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float
from torch import Tensor

from sim import trees
from sim.dynamics.bicycle import ACCELERATION_RANGE_MPS2, MAX_STEERING_RAD, Controls
from sim.env.observations import PRESETS
from sim.env.picture import PICTURE, paint
from sim.env.reward import RewardTerms, StepEvents
from sim.env.settings import Settings
from sim.errors import InputError, one_of
from sim.scenario import EGO
from sim.sensors.suite import SensorSuite
from sim.simulator import Simulator
from sim.world import World, WorldState

STEER_TO_MPS2 = 6.0  # full lock asks for no more lateral acceleration than this
ACTION_SPACE = spaces.Box(-1.0, 1.0, (2,), np.float32)


def controls(world: World, state: WorldState, action: Float[Tensor, "b 2"]) -> Controls:
    """Controls from actions in [-1, 1]: pedals (positive: up to 4 m/s2, negative: down to -8), wheel.

    The wheel's action is a steering angle, left positive: 1 is the angle that bends the path with
    STEER_TO_MPS2 across at the present speed, at most MAX_STEERING_RAD. It is turned to at the rate
    that would get there in one step; the bicycle limits that rate and lags behind it.
    """
    pedals, wheel = action.clamp(-1.0, 1.0).unbind(-1)
    hardest, strongest = ACCELERATION_RANGE_MPS2
    speed = state.speed_mps[:, EGO].abs().clamp(min=0.1)
    full = torch.atan(STEER_TO_MPS2 * world.wheelbase_m[:, EGO] / speed**2)
    wanted = wheel * full.clamp(max=MAX_STEERING_RAD)
    return Controls(
        acceleration_mps2=pedals * torch.where(pedals > 0, strongest, -hardest),
        steering_rate_radps=(wanted - state.ego_steering_rad) / world.dt_s,
    )


@dataclass(frozen=True)
class Outcome:
    """One step of every world."""

    reward: Float[Tensor, " b"]
    terms: RewardTerms
    events: StepEvents
    terminated: Bool[Tensor, " b"]  # a collision, off the road (where set), or the route's end
    truncated: Bool[Tensor, " b"]  # the recording ends


class Episodes:
    """B worlds that play scenarios of one pool; each can be set to any scenario at any time."""

    def __init__(self, num_envs: int, settings: Settings, draws: bool = False) -> None:
        """`draws`: `pictures` will be asked for."""
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise InputError(f"num_envs: must be a whole number, at least 1, not {num_envs!r}")
        self.settings, self.preset = settings, PRESETS[settings.observation]
        self._pool = Simulator.from_scenarios(
            settings.make_pool(), settings.traffic, self.preset.needs
        ).to(settings.device)
        self._pictures = SensorSuite.of(self._pool.world, PICTURE if draws else None)
        self.number = torch.zeros(num_envs, dtype=torch.long)  # the scenario that each world plays
        self.simulator = self._pool.take(self.number)
        self.state = self.simulator.reset()
        self.reset(np.arange(num_envs), np.zeros(num_envs, dtype=np.int64))

    @property
    def world(self) -> World:
        """The worlds that are played now."""
        return self.simulator.world

    @property
    def scenario_ids(self) -> list[str]:
        """Of the pool."""
        return [scenario.scenario_id for scenario in self._pool.world.scenarios]

    def choose(self, options: dict | None) -> np.ndarray:
        """Numbers of the scenarios that `options` allow: all, one `scenario` id, one `family`."""
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
        """Worlds `places` begin scenarios `numbers`."""
        where, index = torch.from_numpy(places), torch.from_numpy(numbers)
        self.simulator.put(where, self._pool, index)
        self.number[where] = index
        begun = torch.zeros(len(self.number), dtype=torch.bool)
        begun[where] = True
        begun = begun.to(self.state.step.device)
        self.state = trees.where(begun, self.simulator.reset(), self.state)

    def step(self, actions: Sequence | np.ndarray) -> Outcome:
        """All worlds one step on."""
        action = torch.from_numpy(self._checked(actions)).to(self.state.pose.device)
        before = self.state
        self.state = self.simulator.step(before, controls(self.world, before, action))
        events = StepEvents.between(self.world, before, self.state)
        terms = events.weighted(self.settings.reward, self.world.dt_s)
        terminated = events.collided | events.arrived
        if self.settings.terminate_offroad:
            terminated = terminated | events.offroad
        ended = self.state.step >= self.world.length_steps
        return Outcome(terms.total, terms, events, terminated, ended & ~terminated)

    def _checked(self, actions: Sequence | np.ndarray) -> np.ndarray:
        """Float32; raises InputError where they are not two finite numbers for every world."""
        shape = (len(self.number), 2)
        try:
            given = np.array(actions, dtype=np.float32)
        except (TypeError, ValueError):
            raise InputError(f"action: not numbers of shape {shape}") from None
        if given.shape != shape:
            raise InputError(f"action: shape {given.shape}, expected {shape}")
        if not np.isfinite(given).all():
            world = int((~np.isfinite(given)).any(axis=1).argmax())
            raise InputError(f"action: not finite in world {world}: {given[world].tolist()}")
        return given

    def observe(self) -> np.ndarray | dict[str, np.ndarray]:
        """The batch of observations, a copy."""
        encoded = self.preset.encode(self.simulator.observe(self.state))
        if isinstance(encoded, Tensor):
            return encoded.cpu().numpy()
        return {name: value.cpu().numpy() for name, value in encoded.items()}

    def pictures(self) -> np.ndarray:
        """RGB pictures `[B, H, W, 3]`, uint8, the ego pointing up."""
        image, _ = trees.take(self._pictures, self.number).sense(self.world, self.state)
        assert image is not None
        return paint(image)


def info_of(outcome: Outcome) -> dict[str, np.ndarray]:
    """The terms of the reward (`reward_*`), and the events, `[B]` each."""
    info = {f"reward_{f.name}": getattr(outcome.terms, f.name) for f in fields(outcome.terms)}
    info |= {f.name: getattr(outcome.events, f.name) for f in fields(outcome.events)}
    return {name: value.cpu().numpy() for name, value in info.items()}
