"""Qwen1.5 and Qwen2 with experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import qwen2_window
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("qwen2_moe")
class Qwen2Moe(Family):
    """``Qwen2MoeConfig``; shared experts behind a gate, biases on q, k and v."""

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "tie_word_embeddings": False,
        "decoder_sparse_step": 1,
        "num_experts": 60,
        "num_experts_per_tok": 4,
        "moe_intermediate_size": 1408,
        "shared_expert_intermediate_size": 5632,
    }
    structure: ClassVar[Values] = {
        "attention_bias": True,
        "attention_output_bias": False,
        "shared_expert_gate": True,
    }
    switches: ClassVar[Mapping[str, type]] = {
        "sliding_window": int,
        "use_sliding_window": bool,
        "max_window_layers": int,
        "mlp_only_layers": list,
    }
    supports: ClassVar[frozenset[str]] = frozenset(
        {
            "moe_intermediate_size",
            "num_experts",
            "num_experts_per_tok",
            "shared_expert_intermediate_size",
        }
    )

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window, and layers without experts."""
        qwen2_window(config, fields)
        fields["mlp_only_layers"] = tuple(config.get("mlp_only_layers", ()))
