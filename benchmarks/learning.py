"""How fast the shipped networks foretell, and a training of so many minutes, wherever there is torch.

    python benchmarks/learning.py inference --data data/interactive
    python benchmarks/learning.py train joint --data data/interactive --minutes 5 --out runs --device cuda

The store is made by `bevdrive collect`. `inference`: the median of 30 calls, after 5, with the feature
extraction. `train`: a preset with as many steps as fit into the minutes, by the time that a step takes.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from drive.training.config import TrainConfig

ROOT = Path(__file__).parents[1]
PRESETS = ROOT / "drive" / "training" / "presets"
sys.path.insert(0, str(ROOT))

BATCHES = (1, 32, 256)  # the last on a GPU alone
EPOCHS = 10
_TRAINING = 0.85  # of the minutes; validation and the start take the rest
PREDICT = {
    "joint": "predict_joint",
    "intention": "predict_each",
    "cover": "predict_each",
    "occupancy": "predict_occupancy",
}


def main() -> None:
    """Measure, or train."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["inference", "train"])
    parser.add_argument("task", nargs="?", choices=PREDICT, default="joint")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--preset", default="base")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    if options.what == "inference":
        inference(options.data, options.device)
    else:
        train(options)


def inference(data: Path, device: str) -> None:
    """A line for each shipped network and size of a batch."""
    from drive.features.store import Store
    from drive.pipelines.evaluate.networks import load_forecasting
    from sim import trees
    from sim.errors import InputError

    store = Store.open(data)
    print(f"{'network':12s}{'parameters':>12s}{'worlds':>8s}{'ms':>9s}{'ms a world':>12s}")
    for task, name in PREDICT.items():
        try:
            network, _ = load_forecasting("default", task)
        except InputError:
            continue  # none are shipped
        network = network.to(device)
        size = sum(p.numel() for p in network.parameters())
        for worlds in BATCHES if device != "cpu" else BATCHES[:2]:
            example = store.read(np.arange(worlds) * (len(store) // worlds))
            observation = trees.to(example.observation, device)
            with torch.no_grad():
                ms = 1e3 * _seconds(lambda: getattr(network, name)(observation), device)  # noqa: B023
            print(f"{task:12s}{size:12d}{worlds:8d}{ms:9.1f}{ms / worlds:12.2f}", flush=True)


def train(options: argparse.Namespace) -> None:
    """A run folder with weights, and what was found on the way."""
    from drive.pipelines.presets import from_yaml
    from drive.pipelines.train import train
    from drive.training.config import CONFIGS

    preset = PRESETS / options.task / f"{options.preset}.yaml"
    config = replace(
        from_yaml(preset, CONFIGS[options.task]()),
        data=(str(options.data),),
        accelerator="cpu" if options.device == "cpu" else "gpu",
    )
    step_s = _step_seconds(options.task, config, options.device)
    each = max(1, int(_TRAINING * 60.0 * options.minutes / step_s) // EPOCHS)
    print(f"{config.batch_size / step_s:.0f} examples a second; {EPOCHS * each} steps", flush=True)
    config = replace(
        config, steps=EPOCHS * each, steps_per_epoch=each, warmup=min(config.warmup, each)
    )
    figures = train(options.task, config, options.out / f"{options.task}-{options.preset}")
    print(", ".join(f"{name} {value:.3f}" for name, value in figures.items()))


def _step_seconds(task: str, config: "TrainConfig", device: str) -> float:
    """The median over 12 steps, after 3, with reading and carrying over."""
    from drive.training.data import Batches
    from drive.training.fit import make_task
    from drive.training.order import Order, open_store
    from sim import trees

    store = open_store(config)
    order = Order.of(store, config)
    batches = Batches(store.folders, [order.batch(k) for k in range(15)])
    module = make_task(task, config).to(device)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-9)
    kind, bf16 = torch.device(device).type, config.precision == "bf16-mixed"

    def step() -> None:
        batch = trees.to(next(rest), device)
        with torch.autocast(kind, torch.bfloat16, enabled=bf16):
            loss = module.losses(batch, torch.Generator().manual_seed(0))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    rest = iter(batches[k] for k in range(len(batches)))
    return _seconds(step, device, 3, 12)


def _seconds(call: Callable[[], object], device: str, before: int = 5, calls: int = 30) -> float:
    """The median of some calls, after some others."""
    taken = []
    for _ in range(before + calls):
        begin = time.perf_counter()
        call()
        if device != "cpu":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[before:])


if __name__ == "__main__":
    main()
