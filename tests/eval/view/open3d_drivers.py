"""Whether Open3D can be expected to draw on this machine."""

from pathlib import Path

import pytest

# Where the drivers are installed, Open3D has to draw: failing is then no reason to skip.
HAS_DRIVERS = any(Path("/usr/share/vulkan/icd.d").glob("*.json"))
needs_open3d = pytest.mark.skipif(not HAS_DRIVERS, reason="no Vulkan drivers: see `make system`")
