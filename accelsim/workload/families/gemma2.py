"""Gemma 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import layer_pattern
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("gemma2")
class Gemma2(Family):
    """``Gemma2Config``; norms before and after each sublayer, soft capping of scores and logits costs nothing here."""

    renames: ClassVar[Mapping[str, str]] = {"hidden_activation": "hidden_act"}
    defaults: ClassVar[Values] = {
        "hidden_act": "gelu_pytorch_tanh",
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
        "head_dim": 256,
    }
    structure: ClassVar[Values] = {"norm_position": "both"}
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}
    supports: ClassVar[frozenset[str]] = frozenset({"layer_types", "sliding_window_size"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Every second layer has the window."""
        fields["sliding_window"] = config.get("sliding_window", 4096)
        layer_pattern(config, fields, 2)
