"""Weights on disk: safetensors, and in its header what they are weights of. `drive/weights` ships some."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from sim.errors import InputError
from sim.files import whole_file
from sim.remote import fetch

FILE = "weights.safetensors"
DEFAULT = "default"
_PACKAGED = Path(__file__).parents[1] / "weights"


class TaskNetwork(nn.Module):
    """A network that solves a task, made from its config alone; other weights than of its version are
    refused."""

    task: ClassVar[str]
    version: ClassVar[int]
    config_class: ClassVar[type]
    config: Any


Network = TypeVar("Network", bound=TaskNetwork)


@dataclass(frozen=True)
class WeightsCard:
    """What weights are of: task and version of its network, and the network's config; how they came
    about: the config of the training, the hash of its data, and its last figures."""

    task: str
    version: int
    config: dict[str, Any]
    training: dict[str, Any]
    data_hash: str
    figures: dict[str, float]


def save_weights(path: Path, model: nn.Module, card: WeightsCard) -> None:
    """Write them, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    with whole_file(path) as scratch:
        save_file(tensors, scratch, metadata={"card": json.dumps(vars(card), sort_keys=True)})


def find_weights(name: str, task: str, option: str = "--weights") -> Path:
    """The file that is meant by `default`, a run folder or a file; InputError where there is none."""
    if name == DEFAULT:
        path = _PACKAGED / f"{task}.safetensors"
        if not path.is_file():
            raise InputError(
                f"--weights default: this version ships none of task {task}; make your own: bevdrive "
                f"collect ... --out DATA, bevdrive train {task} --data DATA, then --weights runs/latest "
                "(planners: NAME@runs/latest)"
            )
        return path
    path = fetch(Path(name))
    if path.is_dir():
        if not (path / FILE).is_file():
            told = " (a training that did not end?)" if (path / "config.yaml").is_file() else ""
            raise InputError(f"{option} {name}: no {FILE} in it{told}")
        return path / FILE
    if not path.is_file():
        raise InputError(f"{option} {name}: neither `{DEFAULT}`, nor a run folder, nor a file")
    return path


def task_of(weights: str) -> str:
    """What weights are of, where a run folder or a file is named; InputError where it is none."""
    return _read(find_weights(weights, "any"))[0].task


def read_weights(path: Path, task: str, version: int) -> tuple[WeightsCard, dict[str, Tensor]]:
    """What they are of, and the tensors; InputError for another task's, another version's, or none."""
    card, tensors = _read(path)
    if card.task != task:
        raise InputError(f"{path}: weights of task {card.task!r:.60}, not of {task}")
    if card.version != version:
        raise InputError(
            f"{path}: weights of version {card.version!r:.20} of task {task}, not {version}; train again"
        )
    return card, tensors


def load_network(cls: type[Network], weights: str) -> tuple[Network, WeightsCard]:
    """A trained network, ready to be asked; `weights`: `default`, a run folder, or a file.

    Raises InputError where there are none, or they are not this network's.
    """
    path = find_weights(weights, cls.task)
    card, tensors = read_weights(path, cls.task, cls.version)
    try:
        network = cls(cls.config_class(**card.config))
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise _misfit(path, error) from None
    _fill(network, tensors, path)
    return network.eval(), card


def begin_from(network: TaskNetwork, weights: str) -> None:
    """Fill a network with weights of the same task and sizes; InputError for others."""
    path = find_weights(weights, network.task)
    card, tensors = read_weights(path, network.task, network.version)
    try:
        # Older cards leave out what was new later.
        theirs = asdict(network.config_class(**card.config))
    except (TypeError, ValueError) as error:
        raise _misfit(path, error) from None
    mine = asdict(network.config)
    other = [name for name in mine if theirs[name] != mine[name]]
    if other:
        raise InputError(f"{path}: weights of a network of other sizes ({', '.join(other)})")
    _fill(network, tensors, path)


def _fill(network: TaskNetwork, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise _misfit(path, error) from None


def _misfit(path: Path, error: Exception) -> InputError:
    told = " ".join(str(error).split())
    return InputError(f"{path}: do not fit the network of their config: {told:.200}")


def _read(path: Path) -> tuple[WeightsCard, dict[str, Tensor]]:
    """The card and the tensors; InputError where they are no weights."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {}).get("card", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return WeightsCard(**told), tensors
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no weights of bevdrive: {error}") from None
