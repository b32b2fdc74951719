"""Training examples as if their drive had just begun: without earlier sweeps."""

from dataclasses import replace

import torch

from drive.features.example import Example
from drive.features.sweeps import without_earlier

_SHARE = 0.2  # of the training examples


def begun(example: Example, generator: torch.Generator) -> Example:
    """Some without earlier sweeps, where there are sweeps at all."""
    if example.sweeps is None:
        return example
    hidden = torch.rand(example.num, generator=generator) < _SHARE
    return replace(
        example, sweeps=without_earlier(example.sweeps, hidden.to(example.sweeps.device))
    )
