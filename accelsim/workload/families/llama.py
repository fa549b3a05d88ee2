"""Llama 2 and 3, CodeLlama."""

from __future__ import annotations

from typing import ClassVar

from accelsim.workload.families.base import Family, Values, register_family


@register_family("llama")
class Llama(Family):
    """``LlamaConfig``."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
    }
