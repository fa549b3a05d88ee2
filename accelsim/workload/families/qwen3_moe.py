"""Qwen3 with experts, and the language model of Qwen3-VL with experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import ONE_BIAS, Values, register_family
from accelsim.workload.families.qwen2_moe import Qwen2Moe


@register_family("qwen3_moe")
@register_family("qwen3_vl_moe_text")
class Qwen3Moe(Qwen2Moe):
    """``Qwen3MoeConfig``; no shared experts."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "decoder_sparse_step": 1,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 768,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    structure: ClassVar[Values] = {"qk_norm": True}
    supports: ClassVar[frozenset[str]] = frozenset({"moe_intermediate_size", "num_experts", "num_experts_per_tok"})
