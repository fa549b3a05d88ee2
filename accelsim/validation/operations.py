"""The operators a measured table may hold: their columns, their work, and the operator of ours that does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.gpu.attention_table import DIRECTIONS, FLASH, STANDARD
from accelsim.dtypes import DType
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax

Array = NDArray[np.float64]
#: Numeric columns of a group of rows, by name.
Extents = Mapping[str, Array]

_PRODUCT = ("m", "n", "k")
_ROWS = ("m", "n")
_ATTENTION = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")
_COLLECTIVE = ("bytes", "ranks")
_MOE = ("m", "hidden", "inter", "topk", "num_experts")
_EXCHANGE = ("m", "hidden", "topk", "num_experts", "ep")
_MOE_DIVISION = {"tp": 1, "ep": 1, "gated": 1}


@dataclass(frozen=True, slots=True)
class Operation:
    """One value of the ``op`` column.

    Attributes:
        needs: Columns that must hold a positive whole number.
        work: Work of each row, which size classes divide: FLOPs, elements, or bytes of a collective.
        build: Our operator of one row, in the order of ``needs`` and then the optional columns; None where there is
            none.
        optional: Further columns and the value of a blank cell.
        flags: Optional columns that are 0 or 1.
        collective: Kind of the collective, for those.
        exchange: Direction of an exchange of tokens between experts, for those.
    """

    needs: tuple[str, ...]
    work: Callable[[Extents], Array]
    build: Callable[[Mapping[str, int], DType], Operator] | None = None
    optional: Mapping[str, int] | None = None
    flags: tuple[str, ...] = ()
    collective: str = ""
    exchange: str = ""


def _product_work(x: Extents) -> Array:
    return 2.0 * x["m"] * x["n"] * x["k"] * x["batch"]


def _rows_work(x: Extents) -> Array:
    return x["m"] * x["n"]


def _attention_work(x: Extents) -> Array:
    """FLOPs of the pairs a causal mask and a window leave."""
    q, kv = x["q_len"], x["kv_len"]
    reach = np.where(x["window"] > 0, np.minimum(x["window"], kv), kv)
    pairs = np.where(q > 1, q * np.minimum(reach, kv - (q - 1.0) / 2.0), reach)
    return 4.0 * x["batch"] * x["heads"] * x["head_dim"] * pairs


def _bytes_work(x: Extents) -> Array:
    return x["bytes"]


def _moe_work(x: Extents) -> Array:
    return x["m"] * x["topk"] * x["hidden"] * x["inter"] / (x["tp"] * x["ep"])


def _exchange_work(x: Extents) -> Array:
    return x["m"] * x["topk"] * x["hidden"]


def _gemm(x: Mapping[str, int], dtype: DType) -> Operator:
    return Gemm.of(x["m"], x["n"], x["k"], x["batch"], dtype)


def _attention(x: Mapping[str, int], dtype: DType) -> Operator:
    batch, heads, kv_heads, head_dim, q_len, kv_len = (x[name] for name in _ATTENTION)
    return Attention.of(batch, heads, kv_heads, head_dim, q_len, kv_len, window=x["window"], dtype=dtype)


def _norm(flavour: str) -> Callable[[Mapping[str, int], DType], Operator]:
    return lambda x, dtype: Norm.of(x["m"], x["n"], dtype, flavour)


def _elementwise(function: str) -> Callable[[Mapping[str, int], DType], Operator]:
    return lambda x, dtype: Elementwise.of(x["m"], x["n"], dtype, function)


def _softmax(x: Mapping[str, int], dtype: DType) -> Operator:
    return Softmax.of(x["m"], x["n"], dtype)


def _rope(x: Mapping[str, int], dtype: DType) -> Operator:
    return Rope.of(x["m"], x["n"], dtype)


def _exchange(direction: str) -> Operation:
    return Operation(_EXCHANGE, _exchange_work, optional={"ranks_per_node": 0}, exchange=direction)


def _collective(kind: str) -> Operation:
    return Operation(_COLLECTIVE, _bytes_work, optional={"ranks_per_node": 0}, collective=kind)


def _training_work(x: Extents) -> Array:
    """Pairs of queries and keys, times the width of a head."""
    return x["batch"] * x["heads"] * x["head_dim"] * x["q_len"] * x["kv_len"] / (1.0 + x["causal"])


def _training_attention() -> Mapping[str, Operation]:
    """Attention of training, by library and direction."""
    names = (f"{library}_{direction}" for library in (*FLASH, *STANDARD) for direction in DIRECTIONS)
    switches = {"causal": 0, "dropout": 0, "mask": 0}
    return {name: Operation(_ATTENTION, _training_work, optional=switches, flags=tuple(switches)) for name in names}


#: Operators of a second library on a chip, by operator and what the column ``kernel`` of a table says.
_OF_KERNEL = {("moe", "cutlass"): "moe_cutlass"}


def of_kernel(op: str, kernel: str) -> str:
    """The operator ``op`` of the library that ``kernel`` names, where that is one of its own."""
    return next((name for (of, word), name in _OF_KERNEL.items() if op == of and word in kernel), op)


#: Operators by the spelling of tables.
OPERATIONS: Mapping[str, Operation] = {
    "gemm": Operation(_PRODUCT, _product_work, _gemm, {"batch": 1}),
    "batched_gemm": Operation(_PRODUCT, _product_work, _gemm, {"batch": 1}),
    "attention_prefill": Operation(_ATTENTION, _attention_work, _attention, {"window": 0}),
    "attention_decode": Operation(_ATTENTION, _attention_work, _attention, {"window": 0}),
    "layernorm": Operation(_ROWS, _rows_work, _norm("layernorm")),
    "rmsnorm": Operation(_ROWS, _rows_work, _norm("rmsnorm")),
    "softmax": Operation(_ROWS, _rows_work, _softmax),
    "rope": Operation(_ROWS, _rows_work, _rope),
    **{name: Operation(_ROWS, _rows_work, _elementwise(name)) for name in ("add", "gelu", "relu", "silu_mul")},
    "allreduce": _collective("all_reduce"),
    "allgather": _collective("all_gather"),
    "all_reduce": _collective("all_reduce"),
    "all_gather": _collective("all_gather"),
    "reduce_scatter": _collective("reduce_scatter"),
    "alltoall": _collective("all_to_all"),
    "all_to_all": _collective("all_to_all"),
    "p2p": _collective("send_recv"),
    "send_recv": _collective("send_recv"),
    **_training_attention(),
    **{name: Operation(_MOE, _moe_work, optional=_MOE_DIVISION, flags=("gated",)) for name in ("moe", "moe_cutlass")},
    "moe_dispatch": _exchange("dispatch"),
    "moe_combine": _exchange("combine"),
}
