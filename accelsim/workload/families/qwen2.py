"""Qwen2 and Qwen2.5, dense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import qwen2_window
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("qwen2")
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

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        qwen2_window(config, fields)
