"""Granite 3, dense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import ONE_BIAS, Family, Values, register_family


@register_family("granite")
class Granite(Family):
    """``GraniteConfig``; its multipliers of embedding, residual, attention and logits cost nothing here."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
    }

    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    supports: ClassVar[frozenset[str]] = frozenset(
        {"attention_multiplier", "embedding_multiplier", "logits_scaling", "residual_multiplier"}
    )
