"""A tiny training of the detector: it learns, and ends the same broken off or not."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from drive.networks.weights import FILE, load_network, read_weights
from drive.perception.detector.frames import TrainingFrame
from drive.perception.detector.network import Detector
from eval.metrics.detection import Matched, matched, overlaps
from sim.errors import InputError
from sim.geometry.grid import BevGrid

pytest.importorskip("lightning")

GRID = BevGrid(-9.6, -9.6, 0.2, 96, 96)


def sweep(seed: int) -> TrainingFrame:
    """Three cars as a lidar in the middle sees them, their near sides, and poles between them."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    turn = 2.1 * torch.arange(3) + 6.28 * draw(1) + 0.4 * draw(3)
    away = 4.5 + 3.0 * draw(3)
    size = torch.tensor((4.0, 1.8, 1.5)) + 0.6 * draw(3, 3)
    place = torch.stack((away * turn.cos(), away * turn.sin(), 0.5 * size[:, 2]), dim=1)
    box = torch.cat((place, size, 3.14 * draw(3, 1)), dim=1)
    points = [ground(draw(1000, 2))]
    for x, y, z, length, width, height, yaw in box.tolist():
        cos, sin = math.cos(yaw), math.sin(yaw)
        ahead, left = -(cos * x + sin * y), -(cos * y - sin * x)  # the sensor, in the box's frame
        side = draw(400, 3) - 0.5
        ends = torch.arange(400) < 150
        side[ends, 0], side[~ends, 1] = 0.5 * math.copysign(1, ahead), 0.5 * math.copysign(1, left)
        side = side * torch.tensor((length, width, height))
        flat = (
            cos * side[:, 0] - sin * side[:, 1],
            sin * side[:, 0] + cos * side[:, 1],
            side[:, 2],
        )
        points.append(torch.stack(flat, dim=1) + torch.tensor((x, y, z)))
    pole = 20.0 * draw(6, 1, 2) - 10.0 + 0.1 * draw(6, 60, 2)
    points.append(torch.cat((pole, 3.0 * draw(6, 60, 1)), dim=2).flatten(0, 1))
    point = torch.cat(points)
    row = torch.randint(64, (len(point),), generator=generator)
    sure = torch.ones(len(box), dtype=torch.bool)
    return TrainingFrame(point, row, box, sure, torch.tensor((0.0, 0.0, 1.7)))


def ground(where: Tensor) -> Tensor:
    return torch.cat((20.0 * where - 10.0, 0.0 * where[:, :1]), dim=1)


def _fit(folder: Path, start: str | None = None, number: int = 5, **other) -> dict[str, float]:
    from drive.training.detector import DetectorTraining, fit_detector

    options = {"steps": 4, "steps_per_epoch": 2, "batch_size": 2, "range_m": 6.4} | other
    return fit_detector(
        [sweep(k) for k in range(number)], DetectorTraining(**options), folder, start
    )


def _weights(folder: Path) -> dict[str, Tensor]:
    return read_weights(folder / FILE, "detector", Detector.version)[1]


def _same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_seed_alone_decides_and_a_broken_training_ends_as_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drive.training.progress import Progress, metrics_path

    figures = _fit(tmp_path / "whole")
    assert figures["step"] == 4 and math.isfinite(figures["val/loss"])
    _fit(tmp_path / "other", seed=1)
    assert not _same(_weights(tmp_path / "whole"), _weights(tmp_path / "other"))
    shown = Progress.on_train_batch_end

    def dies(self, trainer, *more) -> None:
        if trainer.global_step == 3:
            raise OSError("killed")
        shown(self, trainer, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_train_batch_end", dies)
        with pytest.raises(OSError, match="killed"):
            _fit(tmp_path / "broken")
    assert not (tmp_path / "broken" / FILE).exists()
    torch.manual_seed(99)
    _fit(tmp_path / "broken")
    assert _same(_weights(tmp_path / "whole"), _weights(tmp_path / "broken"))
    whole, broken = (metrics_path(tmp_path / name).read_text() for name in ("whole", "broken"))
    assert whole == broken and len(whole.splitlines()) == 2


def test_it_begins_from_weights_and_refuses_others(tmp_path: Path) -> None:
    _fit(tmp_path / "first", steps=1, steps_per_epoch=1)
    _fit(tmp_path / "next", str(tmp_path / "first"), steps=1, steps_per_epoch=1, learning_rate=0.0)
    first, then = (_weights(tmp_path / name) for name in ("first", "next"))
    assert torch.equal(first["head.weight"], then["head.weight"])
    card = load_network(Detector, str(tmp_path / "next"))[1]
    assert card.training["start"] == str(tmp_path / "first") and len(card.data_hash) == 16
    with pytest.raises(InputError, match="neither"):
        _fit(tmp_path / "none", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no sweeps"):
        _fit(tmp_path / "none", number=0)


def test_it_learns_what_it_is_shown(tmp_path: Path) -> None:
    _fit(tmp_path, number=4, steps=250, steps_per_epoch=250, range_m=9.6, drops=False)
    network = load_network(Detector, str(tmp_path))[0]
    parts = []
    for k in range(4):
        frame = sweep(k)
        point_m = frame.point_m.unsqueeze(0)
        found = network.detect(point_m, point_m[..., 0].isfinite(), GRID)
        score, there = found.score[0], found.score[0] > 0
        like = overlaps(found.box[0, there], frame.box)
        parts.append(
            matched(like, score[there], 0.5, torch.ones(3) > 0, torch.ones(int(there.sum())) > 0)
        )
    assert Matched.joined(parts).average_precision > 0.9
