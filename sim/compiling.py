"""How the hot path is compiled, and where it should store what it has computed."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# Every index is clamped, and checking each cost a third of a step on the CPU.
_OPTIONS = {"assert_indirect_indexing": False}


def compiled(function: Callable, graphed: bool = False) -> Callable:
    """`torch.compile` as the world, its sensors and the metrics are measured: one graph, fixed sizes.

    `graphed`: replayed as a CUDA graph; results are then overwritten by the next call.
    """
    _without_copies()
    options: dict[str, Any] = {**_OPTIONS, "triton.cudagraphs": True} if graphed else _OPTIONS
    return torch.compile(function, fullgraph=True, dynamic=False, options=options)


def materialize(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The same tensors, which compiled code computes once and stores, here.

    Inductor inlines elementwise work into whatever reads it. Where many read one value, such as the
    projection of an agent on a path that thirty drivers share, it is then computed thirty times.
    """
    if not torch.compiler.is_compiling():
        return tensors
    return tuple(_stored(list(tensors)))


def least(values: Tensor) -> tuple[Tensor, Tensor]:
    """The least of the last axis, and the first place where it is: `values.min(dim=-1)`.

    Compiled code takes longer to carry a place along than to look for it afterwards.
    """
    if not torch.compiler.is_compiling():
        return values.min(dim=-1)
    (values,) = materialize(values)
    (lowest,) = materialize(values.amin(dim=-1))
    count = values.shape[-1]
    number = torch.arange(count, dtype=values.dtype, device=values.device)
    first = torch.where(values == lowest.unsqueeze(-1), number, count - 1).amin(dim=-1)
    return lowest, first.long()


def one_operation(name: str, result: Callable[..., Tensor]) -> Callable[[Callable], Callable]:
    """Make a function one operation to the compiler, which does not look into it.

    For what is sequential by nature or of sizes that follow from values. `result` makes an empty
    tensor of the shape and type of what the function returns, from the same arguments. Eager calls go
    straight to the function: torch's own way there imports the compiler first, which takes seconds.
    """

    def decorate(function: Callable) -> Callable:
        operation = torch.library.custom_op(f"bevdrive::{name}", mutates_args=())(function)
        operation.register_fake(result)

        @functools.wraps(function)
        def call(*arguments: Any) -> Tensor:
            compiling = torch.compiler.is_compiling()
            return operation(*arguments) if compiling else function(*arguments)

        return call

    return decorate


@torch.library.custom_op("bevdrive::stored", mutates_args=())
def _stored(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]


@_stored.register_fake
def _(tensors: list[Tensor]) -> list[Tensor]:
    return [torch.empty_like(tensor) for tensor in tensors]


def _backward(_: object, gradients: list[Tensor]) -> list[Tensor]:
    return gradients


torch.library.register_autograd("bevdrive::stored", _backward)


@functools.cache
def _without_copies() -> None:
    """Inductor stores its own buffers where an operation of its own would copy them.

    Here and not above: importing Inductor takes seconds.
    """
    from torch._inductor.ir import ReinterpretView
    from torch._inductor.lowering import lowerings, register_lowering

    def realized(tensor: Any) -> Any:
        if isinstance(tensor.data, ReinterpretView) and tensor.get_stride()[-1] != 1:
            # Every other reader would pick its values one by one.
            tensor = lowerings[torch.ops.aten.clone.default](tensor)
        tensor.realize()
        return tensor

    @register_lowering(torch.ops.bevdrive.stored.default, type_promotion_kind=None)
    def _(tensors: list[Any]) -> list[Any]:
        return [realized(tensor) for tensor in tensors]
