"""Phi-3 and Phi-4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("phi3")
class Phi3(Family):
    """``Phi3Config``; a null window is none."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
    }
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        fields["sliding_window"] = config.get("sliding_window")
