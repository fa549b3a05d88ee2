"""Kernels of aiconfigurator's tables, in the columns of that source."""

from __future__ import annotations

from typing import ClassVar

from accelsim.cost.gpu.kernels._gemm_variants import VLLM_BLOCK_KERNELS
from accelsim.validation.kinds._translate import LeftOut, Row, Translated, seconds
from accelsim.validation.kinds.base import register_suite_kind
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.rigs import our_name

_OF_GEMM = ("chip", "gemm_dtype", "m", "n", "k", "latency_us", "src")
_TIMING = "cuda_graph_event"
#: How the weights are stored, and what is multiplied, by the type of a product.
_TYPES = {
    "bfloat16": ("", "bf16"),
    "fp8": ("", "fp8"),
    "fp8_block": ("block", "fp8"),
    "nvfp4": ("", "fp4"),
    "sq": ("", "int8"),
    "int8_wo": ("int8_weights", "bf16"),
    "int4_wo": ("int4_weights", "bf16"),
}


@register_suite_kind("aic_gemm")
class AicGemm(Translated):
    """Products of the linear layers of TensorRT-LLM, vLLM and SGLang."""

    needs: ClassVar[tuple[str, ...]] = _OF_GEMM

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        return _gemm(row)


def _gemm(row: Row) -> Row | LeftOut:
    kind, library = row["gemm_dtype"], row["src"].removeprefix("gemm/").partition("/")[0]
    if kind not in _TYPES:
        return LeftOut(f"no kernel of {kind} products is modelled")
    storage, dtype = _TYPES[kind]
    if storage == "block" and library == "vllm":
        library = next((name for name in VLLM_BLOCK_KERNELS if name in row.get("kernel_source", "").lower()), library)
    op = "_".join(part for part in ("gemm", storage, library if library != "vllm" or storage else "") if part)
    if op not in OPERATIONS:
        return LeftOut(f"no kernel of {kind} products of {library} is modelled")
    shape = {name: row[name] for name in ("m", "n", "k")}
    timed = {"time_s": seconds(row["latency_us"]), "timing": _TIMING}
    return {"hardware": our_name(row["chip"]), "op": op, "dtype": dtype, **shape, **timed}
