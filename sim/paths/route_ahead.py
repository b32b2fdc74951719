"""`RouteAhead`: the ego's reference line as it is handed to planners."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from sim.short_repr import short_repr


@short_repr
@dataclass(frozen=True)
class RouteAhead:
    """The ego's reference line, one point a metre, from a little behind the ego onwards; ego frame.

    `ego_s_m` and `stop_s_m` are arc lengths in the same coordinate: point k lies at k metres.
    Past the end of the route (`length_m`) the points go straight on.
    """

    pose: Float[Tensor, "b r 3"]
    speed_limit_mps: Float[Tensor, "b r"]
    ego_s_m: Float[Tensor, " b"]
    stop_s_m: Float[Tensor, " b"]  # nearest line with a red light ahead; inf: none
    length_m: Float[Tensor, " b"]
