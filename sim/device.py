"""Where tensors live, as a user names it."""

from sim.errors import InputError


def require_device(name: str) -> None:
    """Raise InputError unless torch can compute there: cpu, cuda, or cuda with a number."""
    import torch

    kind, _, number = name.partition(":")
    if name != "cpu" and not (kind == "cuda" and (number.isdigit() or name == "cuda")):
        raise InputError(f"--device: unknown {name!r} (choices: cpu, cuda, cuda:0, ...)")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(number or 0) >= count:
        there = f"{count} there" if count else "choices: cpu"
        raise InputError(f"--device {name}: torch finds no such GPU here ({there})")
