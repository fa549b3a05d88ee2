"""Gemma 3, the text model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import layer_pattern
from accelsim.workload.families.base import Config, Fields, Values, register_family
from accelsim.workload.families.gemma2 import Gemma2


@register_family("gemma3_text")
class Gemma3Text(Gemma2):
    """``Gemma3TextConfig``; as gemma2, heads of q and k normalised, every sixth layer sees all."""

    defaults: ClassVar[Values] = {**Gemma2.defaults, "max_position_embeddings": 131072}
    structure: ClassVar[Values] = {**Gemma2.structure, "qk_norm": True}
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int, "sliding_window_pattern": int}

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window, and which layers have it."""
        fields["sliding_window"] = config.get("sliding_window", 4096)
        layer_pattern(config, fields, config.get("sliding_window_pattern", 6))
