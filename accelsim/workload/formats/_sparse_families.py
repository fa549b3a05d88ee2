"""Families with experts or latent attention; see :mod:`accelsim.workload.formats._families`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from accelsim.errors import ConfigError
from accelsim.workload.formats._family import Config, Family, Fields, layer_pattern, qwen2_window


def _qwen_sparse(config: Config, fields: Fields) -> None:
    qwen2_window(config, fields)
    fields["mlp_only_layers"] = tuple(config.get("mlp_only_layers", ()))


def _qwen3_sparse(config: Config, fields: Fields) -> None:
    fields["attention_output_bias"] = fields["attention_bias"]
    _qwen_sparse(config, fields)


def _mixtral(config: Config, fields: Fields) -> None:
    fields["sliding_window"] = config.get("sliding_window")


def _deepseek(config: Config, fields: Fields) -> None:
    """Shared experts come as a number; experts may start at a layer and repeat every so many."""
    width, shared = fields.get("moe_intermediate_size"), config.get("n_shared_experts", 0)
    if isinstance(width, int):
        fields["shared_expert_intermediate_size"] = shared * width
    if config.get("moe_layer_freq", 1) != 1:
        raise ConfigError("moe_layer_freq: only experts in every layer (1) are modelled.")
    fields["router_bias"] = config.get("topk_method") == "noaux_tc"
    fields.pop("head_dim", None)
    fields["num_key_value_heads"] = fields.get("num_attention_heads")
    fields["attention_output_bias"] = fields["attention_bias"]


def _gpt_oss(config: Config, fields: Fields) -> None:
    fields["sliding_window"] = config.get("sliding_window", 128)
    layer_pattern(config, fields, 2)


_FAMILIES: Mapping[str, Family] = {
    # MixtralConfig: a missing window is none
    "mixtral": Family(
        renames={"num_local_experts": "num_experts"},
        defaults={
            "hidden_act": "silu",
            "max_position_embeddings": 131072,
            "num_key_value_heads": 8,
            "num_experts": 8,
            "num_experts_per_tok": 2,
            "tie_word_embeddings": False,
        },
        switches={"sliding_window": int},
        finish=_mixtral,
        supports=frozenset({"num_local_experts", "num_experts_per_tok"}),
    ),
    # DeepseekV2Config and DeepseekV3Config; n_group and topk_group confine a token's experts to groups
    "deepseek_v2": Family(
        renames={"n_routed_experts": "num_experts"},
        defaults={
            "hidden_act": "silu",
            "max_position_embeddings": 2048,
            "tie_word_embeddings": False,
            "attention_bias": False,
            "first_k_dense_replace": 0,
        },
        switches={"n_shared_experts": int, "moe_layer_freq": int, "topk_method": str},
        finish=_deepseek,
        origins={"shared_expert_intermediate_size": "n_shared_experts"},
        supports=frozenset(
            {
                "first_k_dense_replace",
                "kv_lora_rank",
                "moe_intermediate_size",
                "n_routed_experts",
                "n_shared_experts",
                "moe_layer_freq",
                "num_experts_per_tok",
                "q_lora_rank",
            }
        ),
        notes={
            "n_group": "experts of a token in any group, not in a few of them",
            "num_nextn_predict_layers": "no multi-token prediction",
        },
    ),
    # Qwen2MoeConfig; shared experts behind a gate, biases on q, k and v
    "qwen2_moe": Family(
        defaults={
            "hidden_act": "silu",
            "max_position_embeddings": 32768,
            "tie_word_embeddings": False,
            "decoder_sparse_step": 1,
            "num_experts": 60,
            "num_experts_per_tok": 4,
            "moe_intermediate_size": 1408,
            "shared_expert_intermediate_size": 5632,
        },
        structure={"attention_bias": True, "attention_output_bias": False, "shared_expert_gate": True},
        switches={"sliding_window": int, "use_sliding_window": bool, "max_window_layers": int, "mlp_only_layers": list},
        finish=_qwen_sparse,
        supports=frozenset(
            {"moe_intermediate_size", "num_experts", "num_experts_per_tok", "shared_expert_intermediate_size"}
        ),
    ),
    # Qwen3MoeConfig; no shared experts
    "qwen3_moe": Family(
        defaults={
            "hidden_act": "silu",
            "max_position_embeddings": 32768,
            "tie_word_embeddings": False,
            "attention_bias": False,
            "decoder_sparse_step": 1,
            "num_experts": 128,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": 768,
        },
        structure={"qk_norm": True},
        switches={"sliding_window": int, "use_sliding_window": bool, "max_window_layers": int, "mlp_only_layers": list},
        finish=_qwen3_sparse,
        supports=frozenset({"moe_intermediate_size", "num_experts", "num_experts_per_tok"}),
    ),
    # GptOssConfig; experts and router have biases, every second layer sees all; attention sinks (one number per head)
    # are left out
    "gpt_oss": Family(
        renames={"num_local_experts": "num_experts", "experts_per_token": "num_experts_per_tok"},
        defaults={
            "hidden_act": "silu",
            "max_position_embeddings": 131072,
            "tie_word_embeddings": False,
            "num_experts": 128,
            "num_experts_per_tok": 4,
            "head_dim": 64,
        },
        structure={"attention_bias": True, "attention_output_bias": True, "mlp_bias": True, "router_bias": True},
        switches={"sliding_window": int},
        finish=_gpt_oss,
        supports=frozenset({"num_local_experts", "num_experts_per_tok", "experts_per_token", "layer_types"}),
    ),
}

SPARSE_FAMILIES: Mapping[str, Family] = {
    **_FAMILIES,
    "deepseek_v3": replace(
        _FAMILIES["deepseek_v2"],
        defaults={**_FAMILIES["deepseek_v2"].defaults, "max_position_embeddings": 4096, "first_k_dense_replace": 3},
    ),
}
