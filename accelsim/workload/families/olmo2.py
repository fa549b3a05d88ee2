"""OLMo 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import layer_pattern
from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family


@register_family("olmo2")
class Olmo2(Family):
    """``Olmo2Config``; norms after the sublayers, and over all heads of q and of k."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "attention_bias": False,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    structure: ClassVar[Values] = {
        "norm_position": "after",
        "final_norm": True,
        "qk_norm": True,
        "qk_norm_over": "all",
    }


@register_family("olmo3")
class Olmo3(Olmo2):
    """``Olmo3Config``: as OLMo 2, three of four layers with a window."""

    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}
    supports: ClassVar[frozenset[str]] = frozenset({"layer_types"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window, and which layers have it."""
        fields["sliding_window"] = config.get("sliding_window", 4096)
        layer_pattern(config, fields, 4)
