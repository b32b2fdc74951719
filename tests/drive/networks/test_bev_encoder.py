"""The image encoder: who looks where, and what must not change a token."""

import torch

from drive.features.example import ExampleSpec
from drive.features.vectors import VectorScene, vector_scene
from drive.networks.bev_encoder import BevBackbone, BevEncoder, crops
from sim.geometry.grid import BevGrid
from tests.drive.scenes import toy_examples

GRID = BevGrid(-40.0, -24.0, 1.0, 80, 48)


def _scene(spec: ExampleSpec | None = None) -> VectorScene:
    return vector_scene(toy_examples(spec or ExampleSpec(num_agents=5)).observation)


def test_features_are_read_in_the_frame_of_each_agent() -> None:
    """Of features that say where they are: x and y of the middle of each, which is 4 m wide."""
    x = -38.0 + 4.0 * torch.arange(20.0)
    y = -22.0 + 4.0 * torch.arange(12.0)
    feature = torch.stack(torch.meshgrid(x, y, indexing="ij")).unsqueeze(0)
    # One at (3, -2) that looks north, and one at (-10, 5) that looks south-east.
    pose = torch.tensor([[[3.0, -2.0, torch.pi / 2], [-10.0, 5.0, -torch.pi / 4]]])
    seen = crops(feature, GRID, pose)[0]
    # Points by x ahead (-6, 0, 6, 12 ...), and to the left (-8, -4, 0, 4, 8).
    torch.testing.assert_close(seen[0, 5 + 2], torch.tensor([3.0, -2.0]))
    torch.testing.assert_close(seen[0, 3 * 5 + 2], torch.tensor([3.0, 10.0]))
    torch.testing.assert_close(seen[0, 3 * 5 + 3], torch.tensor([-1.0, 10.0]))
    half = 0.5**0.5
    torch.testing.assert_close(
        seen[1, 2 * 5 + 2], torch.tensor([-10.0 + 6.0 * half, 5.0 - 6.0 * half])
    )
    # Off the grid there is nothing: 42 m north of (3, -2).
    assert seen[0, 6 * 5 + 2].tolist() == [0.0, 0.0]


def test_the_backbone_moves_with_the_image() -> None:
    """By sixteen cells, the step of its coarsest level, away from the edges."""
    torch.manual_seed(0)
    backbone = BevBackbone(3, 8).eval()
    image = torch.zeros(1, 3, 320, 32)
    image[:, :, 140:150, 10:20] = torch.randn(3, 10, 10)
    here, there = backbone(image), backbone(image.roll(16, dims=2))
    assert here.shape == (1, 8, 80, 8)
    torch.testing.assert_close(here[:, :, 20:56], there[:, :, 24:60], rtol=0, atol=1e-4)
    assert backbone(torch.zeros(1, 3, 50, 37)).shape == (1, 8, 13, 10)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    encoder = BevEncoder(GRID, 16).eval()
    narrow, wide = (
        encoder(_scene(ExampleSpec(num_agents=4))),
        encoder(_scene(ExampleSpec(num_agents=9))),
    )
    torch.testing.assert_close(narrow, wide[:, :4], rtol=0, atol=1e-4)
    assert not torch.allclose(narrow[:, 1], narrow[:, 2], atol=1e-2)
