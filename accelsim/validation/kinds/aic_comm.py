"""Collectives of aiconfigurator's tables: NCCL's, and the engines' own all_reduce in a captured graph and eagerly."""

from __future__ import annotations

from typing import ClassVar

from accelsim.validation.kinds._translate import LeftOut, Row, Translated, seconds
from accelsim.validation.kinds.base import register_suite_kind
from accelsim.validation.rigs import our_name

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
class AicComm(Translated):
    """Calls inside a node by nccl-tests and by the engines' collectors."""

    needs: ClassVar[tuple[str, ...]] = _NEEDED

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        return _call(row)


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
