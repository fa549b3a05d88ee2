"""Qwen3, dense, and the language model of Qwen3-VL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import qwen2_window
from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family
from accelsim.workload.families.qwen2 import Qwen2


@register_family("qwen3")
@register_family("qwen3_vl_text")
class Qwen3(Family):
    """``Qwen3Config``; heads of q and k are normalised."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "tie_word_embeddings": False,
        "head_dim": 128,
        "attention_bias": False,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    structure: ClassVar[Values] = {"qk_norm": True}
    switches: ClassVar[Mapping[str, type]] = Qwen2.switches

    supports: ClassVar[frozenset[str]] = frozenset({"layer_types"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        qwen2_window(config, fields)
