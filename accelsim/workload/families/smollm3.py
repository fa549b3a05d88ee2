"""SmolLM3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import layer_pattern
from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family


@register_family("smollm3")
class SmolLM3(Family):
    """``SmolLM3Config``; every fourth layer is not rotated, which changes no bytes and next to no time."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "num_key_value_heads": 4,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int, "use_sliding_window": bool}
    supports: ClassVar[frozenset[str]] = frozenset({"layer_types"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        fields["sliding_window"] = config.get("sliding_window") if config.get("use_sliding_window", False) else None
        layer_pattern(config, fields, 1)
