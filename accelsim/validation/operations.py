"""The operators a measured table may hold: those of the kernel families, and those of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.cost.gpu.kernels.base import measured_operations
from accelsim.cost.measured import Array, Extents, Operation

_EXCHANGE = ("m", "hidden", "topk", "num_experts", "ep")


def _bytes_work(x: Extents) -> Array:
    return x["bytes"]


def _exchange_work(x: Extents) -> Array:
    return x["m"] * x["topk"] * x["hidden"]


def _exchange(direction: str) -> Operation:
    return Operation(_EXCHANGE, "collectives", _exchange_work, optional={"ranks_per_node": 0}, exchange=direction)


def _collective(kind: str) -> Operation:
    return Operation(("bytes", "ranks"), "collectives", _bytes_work, optional={"ranks_per_node": 0}, collective=kind)


_NETWORK: Mapping[str, Operation] = {
    "allreduce": _collective("all_reduce"),
    "allgather": _collective("all_gather"),
    "all_reduce": _collective("all_reduce"),
    "all_gather": _collective("all_gather"),
    "reduce_scatter": _collective("reduce_scatter"),
    "alltoall": _collective("all_to_all"),
    "all_to_all": _collective("all_to_all"),
    "p2p": _collective("send_recv"),
    "send_recv": _collective("send_recv"),
    "moe_dispatch": _exchange("dispatch"),
    "moe_combine": _exchange("combine"),
}
#: Operators of a second library on a chip, by operator and what the column ``kernel`` of a table says.
_OF_KERNEL = {("moe", "cutlass"): "moe_cutlass"}


def of_kernel(op: str, kernel: str) -> str:
    """The operator ``op`` of the library that ``kernel`` names, where that is one of its own.

    Args:
        op: As the column ``op`` says.
        kernel: As the column ``kernel`` says.
    """
    return next((name for (of, word), name in _OF_KERNEL.items() if op == of and word in kernel), op)


class _Operations(Mapping[str, Operation]):
    """Looked up anew each time, so that a family of an outside package is seen whenever it registers."""

    def __getitem__(self, op: str) -> Operation:
        return _NETWORK[op] if op in _NETWORK else measured_operations()[op]

    def __iter__(self) -> Iterator[str]:
        return iter({**measured_operations(), **_NETWORK})

    def __len__(self) -> int:
        return sum(1 for _ in self)


#: Operators by the spelling of tables.
OPERATIONS: Mapping[str, Operation] = _Operations()
