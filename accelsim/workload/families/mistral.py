"""Mistral 7B and its relatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("mistral")
class Mistral(Family):
    """``MistralConfig``: a missing window is 4096, a null one is none."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "num_key_value_heads": 8,
        "tie_word_embeddings": False,
    }
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        fields["sliding_window"] = config.get("sliding_window", 4096)
