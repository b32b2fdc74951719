"""The recorded nuScenes map pictures against the lanes of the recorded scenes."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SHARED_DATA, needs_shared_data
from tests.real_scenes import FILES, real_scene

PICTURES = {
    "boston-seaport": "36092f0b03a857c6a3403e25b4b7aab3",
    "singapore-hollandvillage": "37819e65e09e5547b8a3ceaefba56bb2",
    "singapore-onenorth": "53992ee3023e5494b90c316c183be829",
}
PIXELS_PER_M = 10


def _lane_points_m(path: Path) -> tuple[str, np.ndarray]:
    """The city, and every point of every centreline near the ego in the city's frame."""
    scenario = real_scene(path)
    points = np.concatenate([lane.centerline_m for lane in scenario.map.lanes])
    return scenario.location, points + scenario.world_offset_m[:2]


@needs_shared_data
@pytest.mark.parametrize("city", PICTURES)
def test_lanes_lie_on_drivable_pixels(city: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    scenes = [m for place, m in map(_lane_points_m, FILES) if place == city]
    assert scenes
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    file = SHARED_DATA / "nuscenes_semantic_prior_maps" / f"{PICTURES[city]}.png"
    with Image.open(file) as picture:
        for points_m in scenes:
            # Rows count down from the top: row = height - 10 y; column = 10 x.
            pixel = points_m * (PIXELS_PER_M, -PIXELS_PER_M) + (0, picture.height)
            low = np.floor(pixel.min(0)).astype(int)
            high = np.floor(pixel.max(0)).astype(int) + 1
            shown = np.asarray(picture.crop((*low, *high)))  # the first crop decodes the whole
            column, row = (np.floor(pixel).astype(int) - low).T
            assert (shown[row, column] == 255).mean() >= 0.97
            flipped = shown[shown.shape[0] - 1 - row, column] == 255
            assert flipped.mean() < 0.9  # would the test see a flipped picture?
