"""Collectives of aiconfigurator's tables: NCCL's, and the engines' own all_reduce in a captured graph and eagerly."""

from __future__ import annotations

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds._translate import LeftOut, Row, compare_translated, seconds, translated
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.rigs import our_name
from accelsim.validation.table import Table

_NEEDED = ("chip", "op_name", "kernel_source", "nccl_dtype", "num_gpus", "message_size", "latency_us")
#: How a kernel is timed, which says its library too (data/rigs.yaml).
_TIMINGS = {
    "NCCL": "nccl_tests_out_of_place",
    "vLLM_custom_graph": "cuda_graph_event",
    "vLLM_custom_eager": "eager_vllm",
    "SGLang_CustomAllReduce_graph": "cuda_graph_sglang",
    "SGLang_CustomAllReduce_eager": "eager_sglang",
    "TRTLLM": "cuda_graph_trtllm",
}
#: Our type and its bytes; a size is a number of elements.
_TYPES = {"bfloat16": ("bf16", 2), "half": ("fp16", 2), "int8": ("int8", 1)}


@register_suite_kind("aic_comm")
class AicComm(SuiteKind):
    """Calls inside a node by nccl-tests and by the engines' collectors."""

    def operators(self, table: Table) -> Table:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`."""
        table.require(_NEEDED)
        return translated(table, _call)[0]

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`."""
        table.require(_NEEDED)
        return compare_translated(suite, table, machines, _call)


def _call(row: Row) -> Row | LeftOut:
    kernel, kind = row["kernel_source"], row["nccl_dtype"] or row.get("allreduce_dtype", "")
    if kernel not in _TIMINGS:
        return LeftOut(f"collectives of {kernel} are not modelled")
    if kind not in _TYPES:
        return LeftOut(f"no type {kind!r} is known")
    dtype, width = _TYPES[kind]
    try:
        nbytes = str(int(row["message_size"]) * width)
    except ValueError:
        nbytes = row["message_size"]
    call = {"op": row["op_name"], "dtype": dtype, "bytes": nbytes, "ranks": row["num_gpus"], "kernel": kernel}
    return {"hardware": our_name(row["chip"]), **call, "time_s": seconds(row["latency_us"]), "timing": _TIMINGS[kernel]}
