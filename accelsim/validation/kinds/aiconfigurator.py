"""Kernels of aiconfigurator's tables, in the columns of that source."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

from accelsim.cost.gpu.kernels._attention_variants import attention_op
from accelsim.cost.gpu.kernels._gemm_variants import VLLM_BLOCK_KERNELS
from accelsim.dtypes import DType
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


_OF_ATTENTION = ("chip", "table", "batch_size", "isl", "num_heads", "head_dim", "attn_dtype", "latency_us", "src")
_IN_TRITON = "triton"


@register_suite_kind("aic_attention")
class AicAttention(Translated):
    """Attention over prompts, over a cache and of encoders, with caches of 16 and 8 bit."""

    needs: ClassVar[tuple[str, ...]] = _OF_ATTENTION

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        return _attention(row)


def _attention(row: Row) -> Row | LeftOut:
    table, library = row["table"], row["src"].split("/")[1] if "/" in row["src"] else ""
    if table not in _EXTENTS:
        return LeftOut(f"no attention of {table} is modelled")
    library = _IN_TRITON if _IN_TRITON in row.get("kernel_source", "") else library
    cache, multiplied = row.get("kv_cache_dtype", ""), row["attn_dtype"]
    family, extents = _EXTENTS[table](row)
    # over prompts vLLM and TensorRT-LLM turn queries into fp8 too where the cache is
    if cache == "fp8" and family != "attention_decode" and library in ("vllm", "trtllm"):
        multiplied = "fp8"
    types = {"bfloat16": DType.BF16, "fp8": DType.FP8}
    if multiplied not in types or (cache or multiplied) not in types:
        return LeftOut(f"no attention of {multiplied} with a cache of {cache} is modelled")
    op = attention_op(family, types[cache or multiplied], types[multiplied], library if library != "vllm" else "")
    if op not in OPERATIONS:
        return LeftOut(f"no attention of {library} is modelled")
    shape = {
        "batch": row["batch_size"],
        "heads": row["num_heads"],
        "kv_heads": row.get("num_key_value_heads", "") or row["num_heads"],
        "head_dim": row["head_dim"],
    }
    timed = {"time_s": seconds(row["latency_us"]), "timing": _TIMING}
    return {"hardware": our_name(row["chip"]), "op": op, "dtype": types[multiplied].value, **shape, **extents, **timed}


def _of_prompt(row: Row) -> tuple[str, Row]:
    new, before = row["isl"], row.get("step", "") or "0"
    length = str(int(new) + int(before)) if new.isdigit() and before.isdigit() else new
    return "attention_prefill", {"q_len": new, "kv_len": length, "window": _window(row)}


def _of_cache(row: Row) -> tuple[str, Row]:
    before = row.get("step", "")
    length = str(int(before) + 1) if before.isdigit() else before
    return "attention_decode", {"q_len": "1", "kv_len": length, "window": _window(row)}


def _of_encoder(row: Row) -> tuple[str, Row]:
    return "attention_encoder", {"q_len": row["isl"], "kv_len": row["isl"], "causal": "0"}


def _window(row: Row) -> str:
    """Blank where there is none; the source writes whole numbers with a point where others of a column are blank."""
    window = row.get("window_size", "").removesuffix(".0")
    return "" if window == "0" else window


_EXTENTS: Mapping[str, Callable[[Row], tuple[str, Row]]] = {
    "context_attention": _of_prompt,
    "generation_attention": _of_cache,
    "encoder_attention": _of_encoder,
}


_OF_MLA = ("chip", "table", "num_heads", "latency_us", "src")


@register_suite_kind("aic_mla")
class AicMla(Translated):
    """Kernels of latent attention, and the products that absorb its expansion."""

    needs: ClassVar[tuple[str, ...]] = _OF_MLA

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        if row["table"] == "mla_bmm":
            return _absorbed(row)
        return _latent(row)


def _latent(row: Row) -> Row | LeftOut:
    table, library = row["table"], row["src"].split("/")[1] if "/" in row["src"] else ""
    if table not in _LATENT:
        return LeftOut(f"rows of {table} are whole modules, not kernels")
    library = _IN_TRITON if library == "sglang" and _IN_TRITON in row.get("kernel_source", "") else library
    family = _LATENT[table]
    fp8 = row.get("kv_cache_dtype", "") == "fp8"
    multiplied = "fp8" if fp8 and family == "mla_prefill" else "bf16"
    storage = "fp8_cache" if fp8 and family == "mla_decode" else ""
    op = "_".join(part for part in (family, storage, library if library != "vllm" else "") if part)
    if op not in OPERATIONS:
        return LeftOut(f"no latent attention of {library} is modelled")
    _, extents = _EXTENTS[_AS_ATTENTION[table]](row)
    shape = {
        "batch": row["batch_size"],
        "heads": row["num_heads"],
        "q_len": extents["q_len"],
        "kv_len": extents["kv_len"],
    }
    timed = {"time_s": seconds(row["latency_us"]), "timing": _TIMING}
    return {"hardware": our_name(row["chip"]), "op": op, "dtype": multiplied, **shape, **timed}


def _absorbed(row: Row) -> Row | LeftOut:
    """Products of every head: 128 elements of a query to 512 of the latent (pre), and 512 to 128 of a value (post)."""
    kind = row.get("bmm_dtype", "")
    if kind != "bfloat16":
        return LeftOut(f"no batched products in {kind} that quantise their operands are modelled")
    inner, outer = ("128", "512") if row["op_name"].endswith("pre") else ("512", "128")
    shape = {"batch": row["num_heads"], "m": row["num_tokens"], "k": inner, "n": outer}
    timed = {"time_s": seconds(row["latency_us"]), "timing": _TIMING}
    return {"hardware": our_name(row["chip"]), "op": "batched_gemm", "dtype": "bf16", **shape, **timed}


_LATENT = {"context_mla": "mla_prefill", "generation_mla": "mla_decode"}
_AS_ATTENTION = {"context_mla": "context_attention", "generation_mla": "generation_attention"}


_OF_MOE = (
    *("chip", "table", "moe_dtype", "num_tokens", "hidden_size", "inter_size", "topk", "num_experts"),
    *("moe_tp_size", "moe_ep_size", "distribution", "latency_us", "src"),
)


@register_suite_kind("aic_moe")
class AicMoe(Translated):
    """Layers of experts as one rank of the libraries runs them."""

    needs: ClassVar[tuple[str, ...]] = _OF_MOE

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        return _experts(row)


def _experts(row: Row) -> Row | LeftOut:
    if row["table"] != "moe":
        return LeftOut(f"rows of {row['table']} hold an exchange or its layout of tokens")
    source, kind = row.get("kernel_source", "").lower(), row["moe_dtype"]
    kernel = next((name for word, name in _KERNEL_WORDS.items() if word in source), "")
    if kind not in _OF_EXPERTS or not kernel:
        return LeftOut(f"no experts in {kind} by {source or 'an unnamed kernel'} are modelled")
    storage, dtype = _OF_EXPERTS[kind]
    law = row["distribution"]
    if law.endswith("_eplb") or not (law in ("balanced", "uniform") or _POWER_LAW.fullmatch(law)):
        return LeftOut(f"no routing {law} is modelled")
    skew = _POWER_LAW.fullmatch(law)
    shape = {
        "m": row["num_tokens"],
        "hidden": row["hidden_size"],
        "inter": row["inter_size"],
        "topk": row["topk"],
        "num_experts": row["num_experts"],
        "tp": row["moe_tp_size"],
        "ep": row["moe_ep_size"],
        "gated": "0" if "nongated" in source else "1",
        "skew": str(round(100 * float(skew[1]))) if skew else "0",
    }
    op = "_".join(part for part in ("moe", storage, kernel) if part)
    timed = {"time_s": seconds(row["latency_us"]), "timing": _TIMING}
    return {"hardware": our_name(row["chip"]), "op": op, "dtype": dtype, **shape, **timed}


_POWER_LAW = re.compile(r"power_law_(\d+(?:\.\d+)?)")
#: Who wrote the kernels, by words of their names.
_KERNEL_WORDS = {
    "torch_flow": "torch_flow",
    "marlin": "marlin",
    "triton": "triton",
    "flashinfer_trtllm": "trtllm",
    "cutlass": "cutlass",
    "vllm_fused_moe": "triton",
}
#: Storage of the weights and what is multiplied, by the source's type.
_OF_EXPERTS = {
    "bfloat16": ("", "bf16"),
    "fp8": ("", "fp8"),
    "fp8_block": ("block", "fp8"),
    "nvfp4": ("", "fp4"),
    "int4_wo": ("int4_weights", "bf16"),
    "w4a16_mxfp4": ("mxfp4_weights", "bf16"),
    "w4a8_mxfp4_mxfp8": ("mxfp4_weights", "fp8"),
}


@register_suite_kind("aic_quantize")
class AicQuantize(Translated):
    """Quantisation of activations to fp8."""

    needs: ClassVar[tuple[str, ...]] = ("chip", "table", "m", "k", "quant_dtype", "latency_us", "src")

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        return _quantisation(row)


def _quantisation(row: Row) -> Row | LeftOut:
    library = row["src"].split("/")[1] if "/" in row["src"] else ""
    if "_minus_" in row.get("kernel_source", ""):
        return LeftOut("differences of two timings")
    op = f"{_QUANTISATIONS.get(row['table'], row['table'])}_{library}"
    if op not in OPERATIONS or row["quant_dtype"] != "fp8":
        return LeftOut(f"no {row['table']} to {row['quant_dtype']} of {library} is modelled")
    timed = {"time_s": seconds(row["latency_us"]), "timing": _TIMING}
    return {"hardware": our_name(row["chip"]), "op": op, "dtype": "fp8", "m": row["m"], "k": row["k"], **timed}


_QUANTISATIONS = {"scale_matrix": "quantize_static", "computescale": "quantize_scale"}
