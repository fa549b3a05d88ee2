"""Kernels that AITER tuned on AMD's Instinct, in the columns of that source."""

from __future__ import annotations

from typing import ClassVar

from accelsim.validation.kinds._translate import LeftOut, Row, Translated, seconds
from accelsim.validation.kinds.base import register_suite_kind
from accelsim.validation.rigs import our_name

_TIMING = "profiler_cold_operands"
#: Storage of the weights and what is multiplied, by the type of a product.
_PRODUCTS = {
    "bf16": ("", "bf16"),
    "bfloat16": ("", "bf16"),
    "fp8_rowwise": ("", "fp8"),
    "a8w8_rowwise": ("", "fp8"),
    "int8_rowwise": ("", "int8"),
    "fp8_blockscale_1x128_128x128": ("block", "fp8"),
    "a4w4_mxfp4_blockscale": ("", "fp4"),
}
#: Storage of the weights and what is multiplied, by the types of activations and weights of experts and their scales.
_EXPERTS = {
    ("bfloat16", "bfloat16", "No"): ("", "bf16"),
    ("fp8", "fp8", "per_Tensor"): ("", "fp8"),
    ("fp8", "fp8", "per_Token"): ("", "fp8"),
    ("fp8", "fp8", "per_1x128"): ("block", "fp8"),
    ("fp8", "fp8", "per_1x32"): ("block", "fp8"),
    ("bfloat16", "fp4", "per_1x32"): ("mxfp4_weights", "bf16"),
    ("bfloat16", "int4", "per_1x32"): ("int4_weights", "bf16"),
    ("fp8", "fp4", "per_1x32"): ("mxfp4_weights", "fp8"),
    ("fp4", "fp4", "per_1x32"): ("", "fp4"),
}


@register_suite_kind("amd_aiter_gemm")
class AiterGemm(Translated):
    """Products, one or many of a shape, by the fastest kernel that was found."""

    needs: ClassVar[tuple[str, ...]] = ("chip", "op", "dtype", "b", "m", "n", "k", "time_us")

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        return _product(row)


@register_suite_kind("amd_aiter_moe")
class AiterMoe(Translated):
    """Both stages of a rank's experts; sorting and quantisation are not in the times."""

    needs: ClassVar[tuple[str, ...]] = (
        *("chip", "token", "hidden", "inter", "expert", "topk", "weights"),
        *("q_dtype_a", "q_dtype_w", "q_type", "time_us"),
    )

    def row(self, row: Row) -> Row | LeftOut:
        """See :class:`Translated`."""
        return _layer(row)


def _product(row: Row) -> Row | LeftOut:
    if row.get("flag"):
        return LeftOut(f"flagged in the source: {row['flag']}")
    if row["dtype"] not in _PRODUCTS:
        return LeftOut(f"no products of {row['dtype']} are modelled")
    storage, dtype = _PRODUCTS[row["dtype"]]
    is_many = row["b"] not in ("", "1")
    if is_many and storage:
        return LeftOut("no batched products with blocks of scales are modelled")
    op = "batched_gemm" if is_many else "_".join(part for part in ("gemm", storage, "aiter" if storage else "") if part)
    shape = {name: row[name] for name in ("m", "n", "k")} | ({"batch": row["b"]} if is_many else {})
    return {"hardware": our_name(row["chip"]), "op": op, "dtype": dtype, **shape, **_timed(row)}


def _layer(row: Row) -> Row | LeftOut:
    kinds = (_plain_type(row["q_dtype_a"]), _plain_type(row["q_dtype_w"]), row["q_type"])
    if kinds not in _EXPERTS:
        return LeftOut(f"no experts of {' x '.join(kinds)} are modelled")
    storage, dtype = _EXPERTS[kinds]
    op = "_".join(part for part in ("moe", storage, "aiter") if part)
    shape = {
        "m": row["token"],
        "hidden": row["hidden"],
        "inter": row["inter"],
        "topk": row["topk"],
        "num_experts": row["expert"],
        "gated": "0" if row["weights"] == "2" else "1",
    }
    return {"hardware": our_name(row["chip"]), "op": op, "dtype": dtype, **shape, **_timed(row)}


def _plain_type(name: str) -> str:
    return "fp8" if name.startswith("float8") else "fp4" if name.startswith("float4") else name


def _timed(row: Row) -> Row:
    return {"time_s": seconds(row["time_us"]), "timing": _TIMING}
