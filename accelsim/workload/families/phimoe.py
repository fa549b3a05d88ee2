"""Phi-3.5-MoE and its smaller relatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("phimoe")
class PhiMoE(Family):
    """``PhimoeConfig``; gated experts behind layer norms, a bias on the logits where the file says so."""

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {"num_local_experts": "num_experts", "lm_head_bias": "head_bias"}
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "num_experts": 16,
        "num_experts_per_tok": 2,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    structure: ClassVar[Values] = {"norm": "layernorm"}
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}
    supports: ClassVar[frozenset[str]] = frozenset({"num_local_experts", "num_experts_per_tok", "expert_dropout"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        fields["sliding_window"] = config.get("sliding_window")
