from pathlib import Path

import pytest

from eval.nuscenes.dataset import Split, find_split
from tests.eval.nuscenes import tiny


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataroot = tmp_path_factory.mktemp("nuscenes")
    tiny.write(dataroot)
    return dataroot


@pytest.fixture(scope="session")
def sim_val(tiny_root: Path) -> Split:
    return find_split(tiny_root, tiny.VERSION, "sim_val")
