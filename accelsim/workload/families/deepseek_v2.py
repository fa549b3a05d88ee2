"""DeepSeek-V2, and shared experts that come as a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.errors import ConfigError
from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers
from accelsim.workload.features.latent import LatentHeads


class SharedByNumber(Family):
    """Families whose shared experts come as a number, each as wide as a routed one."""

    renames: ClassVar[Mapping[str, str]] = {"n_routed_experts": "num_experts"}
    switches: ClassVar[Mapping[str, type]] = {"n_shared_experts": int, "moe_layer_freq": int, "topk_method": str}
    origins: ClassVar[Mapping[str, str]] = {"shared_expert_intermediate_size": "n_shared_experts"}
    supports: ClassVar[frozenset[str]] = frozenset(
        {
            "first_k_dense_replace",
            "moe_intermediate_size",
            "n_routed_experts",
            "n_shared_experts",
            "moe_layer_freq",
            "num_experts_per_tok",
        }
    )
    notes: ClassVar[Mapping[str, str]] = {"n_group": "experts of a token in any group, not in a few of them"}

    @classmethod
    def share(cls, config: Config, fields: Fields) -> None:
        """Their width together.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.

        Raises:
            ConfigError: Experts in some of the layers only, in a way that is not modelled.
        """
        width, shared = fields.get("moe_intermediate_size"), config.get("n_shared_experts", 0)
        if isinstance(width, int):
            fields["shared_expert_intermediate_size"] = shared * width
        if config.get("moe_layer_freq", 1) != 1:
            raise ConfigError("moe_layer_freq: only experts in every layer (1) are modelled.")


@register_family("deepseek_v2")
class DeepseekV2(SharedByNumber):
    """``DeepseekV2Config``; n_group and topk_group confine a token's experts to groups."""

    features: ClassVar[tuple[type[Feature], ...]] = (LatentHeads, ExpertLayers)
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "first_k_dense_replace": 0,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    supports: ClassVar[frozenset[str]] = SharedByNumber.supports | {"kv_lora_rank", "q_lora_rank"}

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Heads are those of latent attention.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        cls.share(config, fields)
        fields["router_bias"] = config.get("topk_method") == "noaux_tc"
        fields.pop("head_dim", None)
        fields["num_key_value_heads"] = fields.get("num_attention_heads")
