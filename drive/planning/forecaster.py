"""`Forecaster`: who foretells scenes, for planners that reckon with it; by name, with weights."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sim.errors import one_of
from sim.interface import JointForecast, Needs, Observation

if TYPE_CHECKING:
    from drive.prediction.joint import JointPredictor

FORECASTS = ("joint", "reactive")  # --forecast


@runtime_checkable
class Forecaster(Protocol):
    """Foretells scenes as a whole from observations that show what it `needs`."""

    @property
    def needs(self) -> Needs:
        """What it has to be shown."""
        ...

    def predict_joint(self, observation: Observation) -> JointForecast:
        """F futures of everyone together."""
        ...


class Reactive(nn.Module):
    """A forecast that planners may ask what the others do if the ego does this or that.

    Who does not ask is told what a joint forecast tells.
    """

    def __init__(self, network: "JointPredictor") -> None:
        super().__init__()
        self.network = network
        self.needs = network.needs

    def predict_joint(self, observation: Observation) -> JointForecast:
        """Whatever the ego does."""
        return self.network.predict_joint(observation)

    def predict_given(
        self, observation: Observation, proposal: Float[Tensor, "b p t 3"], every_s: float
    ) -> JointForecast:
        """Of each of P proposals, poses from now on: b times p forecasts, those of a world in turn.

        Beyond its end the ego goes on as it did last.
        """
        config = self.network.config
        step, last = round(config.dt_s / every_s), proposal.shape[2] - 1
        at = step * torch.arange(1, config.points + 1, device=proposal.device)
        more = (at - last).clamp(min=0)[:, None]
        velocity = proposal[:, :, -1:, :2] - proposal[:, :, -2:-1, :2]
        known = proposal[:, :, at.clamp(max=last)]
        plan = torch.cat((known[..., :2] + more * velocity, known[..., 2:]), dim=-1)
        return self.network.predict_given(observation, plan)


def make_forecaster(name: str, weights: str, device: str = "cpu") -> Forecaster:
    """One of `FORECASTS`; `weights`: `default`, a run folder of `bevdrive train`, or a file.

    Raises InputError for another name, and for weights that are missing or another network's.
    """
    from drive.networks.weights import load_network
    from drive.prediction.joint import JointPredictor

    one_of("--forecast", name, FORECASTS)
    network = load_network(JointPredictor, weights)[0].to(device)
    return Reactive(network) if name == "reactive" else network
