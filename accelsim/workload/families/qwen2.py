"""Qwen2 and Qwen2.5, dense, and the language models of Qwen2-VL and Qwen2.5-VL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import qwen2_window
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("qwen2")
@register_family("qwen2_vl")
@register_family("qwen2_vl_text")
@register_family("qwen2_5_vl")
@register_family("qwen2_5_vl_text")
class Qwen2(Family):
    """``Qwen2Config``; ``Qwen2Attention`` has biases on q, k and v only."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "tie_word_embeddings": False,
    }
    structure: ClassVar[Values] = {"attention_bias": True, "attention_output_bias": False}
    switches: ClassVar[Mapping[str, type]] = {
        "sliding_window": int,
        "use_sliding_window": bool,
        "max_window_layers": int,
    }

    supports: ClassVar[frozenset[str]] = frozenset({"layer_types"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        qwen2_window(config, fields)
