"""Models of the shapes that tables state: a row gives sizes, the form of a block follows from them.

A two-matrix MLP is four times as wide as the model, a gated one (three matrices) narrower; GPT and Falcon have the
first with layer norms and GELU, the Llama family the second with RMS norms and SiLU.  Blocks whose branches are
parallel are named, for no size shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelsim.dtypes import DType
from accelsim.workload.model import Model

_LLAMA: Mapping[str, Any] = {"hidden_act": "silu", "gated_mlp": True, "norm": "rmsnorm", "position": "rope"}
_GPT: Mapping[str, Any] = {"hidden_act": "gelu", "gated_mlp": False, "norm": "layernorm", "position": "learned"}
#: Families whose attention and MLP read the same input: one all_reduce a layer.
_PARALLEL = ("gpt-j", "gptj", "falcon", "palm")
#: Ranks divide a vocabulary that was padded to this many times a whole number, as engines do.
_VOCAB_STEP = 64


def model_of_shape(row: Mapping[str, str]) -> Model:
    """The model of a row's sizes.

    Args:
        row: With ``model``, ``layers``, ``hidden``, ``heads``, ``ffn``, ``vocab``; ``kv_heads`` and ``head_dim`` if
            they are not the heads and their share of ``hidden``.

    Raises:
        ValueError: A cell is no number.
    """
    hidden, heads, ffn = int(row["hidden"]), int(row["heads"]), int(row["ffn"])
    is_parallel = row["model"].lower().startswith(_PARALLEL)
    form = _GPT if ffn >= 4 * hidden else _LLAMA
    return Model(
        name=row["model"],
        hidden_size=hidden,
        intermediate_size=ffn,
        num_hidden_layers=int(row["layers"]),
        vocab_size=-(-int(row["vocab"]) // _VOCAB_STEP) * _VOCAB_STEP,
        max_position_embeddings=1_000_000,
        num_attention_heads=heads,
        num_key_value_heads=int(row.get("kv_heads") or heads),
        head_dim=int(row.get("head_dim") or hidden // heads),
        torch_dtype=DType.FP16,
        **{**form, **({"parallel_block": True} if is_parallel else {})},
    )
