"""gpt-oss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import layer_pattern
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("gpt_oss")
class GptOss(Family):
    """``GptOssConfig``; experts and router have biases, every second layer sees all."""

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {
        "num_local_experts": "num_experts",
        "experts_per_token": "num_experts_per_tok",
    }
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
        "num_experts": 128,
        "num_experts_per_tok": 4,
        "head_dim": 64,
    }
    structure: ClassVar[Values] = {
        "attention_bias": True,
        "attention_output_bias": True,
        "mlp_bias": True,
        "router_bias": True,
    }
    switches: ClassVar[Mapping[str, type]] = {"sliding_window": int}
    supports: ClassVar[frozenset[str]] = frozenset(
        {"num_local_experts", "num_experts_per_tok", "experts_per_token", "layer_types"}
    )

    leaves_out: ClassVar[tuple[str, ...]] = (
        "attention sinks (one more term of each softmax, a number per head) are not counted",
    )

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window, and which layers have it."""
        fields["sliding_window"] = config.get("sliding_window", 128)
        layer_pattern(config, fields, 2)
