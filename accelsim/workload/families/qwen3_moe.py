"""Qwen3 with experts, and the language model of Qwen3-VL with experts."""

from __future__ import annotations

from typing import ClassVar

from accelsim.workload.families.base import Config, Fields, Values, register_family
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
    structure: ClassVar[Values] = {"qk_norm": True}
    supports: ClassVar[frozenset[str]] = frozenset({"moe_intermediate_size", "num_experts", "num_experts_per_tok"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """As Qwen2, and biases of attention."""
        fields["attention_output_bias"] = fields["attention_bias"]
        super().finish(config, fields)
