"""Shared fixtures: where the small pieces of real data are, if they are there."""

from pathlib import Path

import pytest
import torch

from tests import type_checks

type_checks.install()

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"real data not found at {SHARED_DATA}"
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tests run beside one another: one thread each."""
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: item.path.name != "test_compiled.py")
