"""EXAONE 4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import layer_pattern
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("exaone4")
class Exaone4(Family):
    """``Exaone4Config``; norms after the sublayers and on the heads of q and k."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
    }
    structure: ClassVar[Values] = {"norm_position": "after", "final_norm": True, "qk_norm": True}
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}
    supports: ClassVar[frozenset[str]] = frozenset({"layer_types", "sliding_window_pattern"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window; a pattern such as LLLG says the same as the kinds of layers, which may be left out."""
        fields["sliding_window"] = config.get("sliding_window")
        pattern = config.get("sliding_window_pattern", 4)
        layer_pattern(config, fields, len(pattern) if isinstance(pattern, str) else pattern)
