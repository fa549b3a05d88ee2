"""Mixtral."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("mixtral")
class Mixtral(Family):
    """``MixtralConfig``: a missing window is none."""

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {"num_local_experts": "num_experts"}
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "num_key_value_heads": 8,
        "num_experts": 8,
        "num_experts_per_tok": 2,
        "tie_word_embeddings": False,
    }
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}
    supports: ClassVar[frozenset[str]] = frozenset({"num_local_experts", "num_experts_per_tok"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window."""
        fields["sliding_window"] = config.get("sliding_window")
