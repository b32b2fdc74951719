"""Timing a call: warmed up, repeated, synchronised; and what machine it ran on."""

import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

REPEATS = 5


@dataclass(frozen=True)
class Timing:
    """Seconds of a call: median, least and most of the repeats; and of the first, with compilation."""

    median_s: float
    least_s: float
    most_s: float
    first_s: float


def measure(call: Callable[[], Any], device: str, repeats: int = REPEATS) -> Timing:
    """Time `call`; the first and the second run do not count."""
    seconds = []
    for _ in range(repeats + 2):
        _synchronize(device)
        began = time.perf_counter()
        call()
        _synchronize(device)
        seconds.append(time.perf_counter() - began)
    counted = seconds[2:]
    return Timing(statistics.median(counted), min(counted), max(counted), seconds[0])


def _synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def tree_bytes(tree: Any, seen: set[int] | None = None) -> int:
    """Bytes of the distinct tensors of nested dataclasses, tuples and dicts."""
    seen = set() if seen is None else seen
    if isinstance(tree, Tensor):
        place = tree.untyped_storage().data_ptr()
        if place in seen:
            return 0
        seen.add(place)
        return tree.numel() * tree.element_size()
    if is_dataclass(tree):
        return sum(tree_bytes(getattr(tree, f.name), seen) for f in fields(tree))
    if isinstance(tree, dict):
        return sum(tree_bytes(value, seen) for value in tree.values())
    if isinstance(tree, list | tuple):
        return sum(tree_bytes(value, seen) for value in tree)
    return 0


def forget_peak(device: str) -> None:
    """Let `peak_bytes` of a GPU count from here on; that of a process cannot be forgotten."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()


def peak_bytes(device: str) -> int:
    """Most memory since `forget_peak`: of the GPU's allocator, or of the process since its start."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def hardware(device: str) -> dict[str, Any]:
    """What the figures were measured with."""
    found: dict[str, Any] = {
        "cpu": _cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": device,
    }
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
    return found


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
        return f"{names[0]} x {len(names)}"
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
