"""GLM-4.5, GLM-4.5-Air and GLM-4.6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import Config, Fields, Values, register_family
from accelsim.workload.families.deepseek_v2 import SharedByNumber
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("glm4_moe")
class Glm4Moe(SharedByNumber):
    """``Glm4MoeConfig``; experts as in DeepSeek-V3 behind grouped attention with biases on q, k and v only."""

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {**SharedByNumber.renames, "use_qk_norm": "qk_norm"}
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "first_k_dense_replace": 1,
        "qk_norm": False,
    }
    structure: ClassVar[Values] = {"attention_output_bias": False, "router_bias": True}

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The shared experts."""
        cls.share(config, fields)
