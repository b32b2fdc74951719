"""Shared fixtures: where the small pieces of real data are, if they are there."""

from pathlib import Path

import pytest
import torch

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"real data not found at {SHARED_DATA}"
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tests run beside one another: one thread each."""
    torch.set_num_threads(1)
