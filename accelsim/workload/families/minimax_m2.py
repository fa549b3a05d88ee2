"""MiniMax-M2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.errors import ConfigError
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("minimax_m2")
class MiniMaxM2(Family):
    """``MiniMaxM2Config``; experts in every layer, q and k normalised over all heads of a layer."""

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {
        "num_local_experts": "num_experts",
        "shared_intermediate_size": "shared_expert_intermediate_size",
        "use_qk_norm": "qk_norm",
        "use_routing_bias": "router_bias",
    }
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 196608,
        "tie_word_embeddings": False,
        "num_experts": 256,
        "num_experts_per_tok": 8,
        "head_dim": 128,
        "qk_norm": True,
        "router_bias": True,
    }
    switches: ClassVar[Mapping[str, type]] = {
        "attn_type_list": list,
        "mtp_transformer_layers": int,
        "num_mtp_modules": int,
        "qk_norm_type": str,
        "use_mtp": bool,
    }
    supports: ClassVar[frozenset[str]] = frozenset({"num_local_experts", "num_experts_per_tok"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Layers for prediction, and what is normalised.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        if any(kind != 1 for kind in config.get("attn_type_list", ())):
            raise ConfigError("attn_type_list: linear attention (0) is not modelled, only attention to all (1).")
        if config.get("use_mtp", False):
            modules = config.get("num_mtp_modules", 1) * config.get("mtp_transformer_layers", 1)
            fields["num_nextn_predict_layers"] = modules
        fields["qk_norm_over"] = "all" if config.get("qk_norm_type", "per_layer") == "per_layer" else "head"
