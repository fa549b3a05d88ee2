"""Step 3.7."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._windows import layer_pattern
from accelsim.workload.families.base import Config, Fields, Values, register_family
from accelsim.workload.families.deepseek_v2 import SharedByNumber
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("step3p7")
class Step3p7(SharedByNumber):
    """``Step3p7FlashForCausalLM``: experts behind grouped attention, windows on most layers.

    Window layers have other heads than the file states: all are taken as stated.
    """

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {
        **SharedByNumber.renames,
        "share_expert_dim": "shared_expert_intermediate_size",
        "use_moe_router_bias": "router_bias",
    }
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 65536,
        "tie_word_embeddings": False,
        "first_k_dense_replace": 3,
    }
    switches: ClassVar[Mapping[str, type]] = {**SharedByNumber.switches, "sliding_window": int}
    supports: ClassVar[frozenset[str]] = SharedByNumber.supports | {
        "layer_types",
        "moe_router_scaling_factor",
        "num_experts",
        "share_expert_dim",
    }
    notes: ClassVar[Mapping[str, str]] = {
        **SharedByNumber.notes,
        "layer_types": "layers with a window have as many heads as the others",
    }

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The window, and which layers have it."""
        fields["sliding_window"] = config.get("sliding_window")
        layer_pattern(config, fields, 4)
