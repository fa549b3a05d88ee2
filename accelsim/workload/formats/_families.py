"""What the code of each supported Hugging Face family adds to its ``config.json``: key names, defaults, structure.

A config leaves much to the class that reads it: whether norms have biases, whether the MLP is gated, what a missing key
means.  Each family below states that once, after the ``transformers`` classes named in its comment.
"""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.errors import ConfigError
from accelsim.workload.formats._family import Config, Family, Fields, layer_pattern, qwen2_window
from accelsim.workload.formats._sparse_families import SPARSE_FAMILIES


def _mistral_window(config: Config, fields: Fields) -> None:
    fields["sliding_window"] = config.get("sliding_window", 4096)


def _four_times(config: Config, fields: Fields) -> None:
    """An MLP width that is absent or null is four times the hidden size."""
    hidden = fields.get("hidden_size")
    if fields.get("intermediate_size") is None and isinstance(hidden, int):
        fields["intermediate_size"] = 4 * hidden


def _neox(config: Config, fields: Fields) -> None:
    fields["parallel_block"] = config.get("use_parallel_residual", True)
    fields["attention_output_bias"] = fields["attention_bias"]


def _opt(config: Config, fields: Fields) -> None:
    if not config.get("layer_norm_elementwise_affine", True):
        raise ConfigError("layer_norm_elementwise_affine: norms without weights are not modelled. Use true.")
    bias = config.get("enable_bias", True)
    fields.update(attention_bias=bias, attention_output_bias=bias, mlp_bias=bias)
    pre_norm = config.get("do_layer_norm_before", True)
    fields["norm_position"] = "pre" if pre_norm else "post"
    fields["final_norm"] = pre_norm and not config.get("_remove_final_layer_norm", False)


def _falcon(config: Config, fields: Fields) -> None:
    _four_times(config, fields)
    new = config.get("new_decoder_architecture", False)
    bias = config.get("bias", False)
    fields.update(attention_bias=bias, attention_output_bias=bias, mlp_bias=bias)
    fields["position"] = "alibi" if config.get("alibi", False) else "rope"
    fields["parallel_block"] = new or config.get("parallel_attn", True)
    norms = config.get("num_ln_in_parallel_attn")
    fields["num_parallel_norms"] = (2 if norms is None else norms) if new else 1
    if new:
        fields["num_key_value_heads"] = config.get("num_kv_heads") or fields.get("num_attention_heads")
    elif config.get("multi_query", True):
        fields["num_key_value_heads"] = 1


def _gemma2(config: Config, fields: Fields) -> None:
    fields["sliding_window"] = config.get("sliding_window", 4096)
    layer_pattern(config, fields, 2)


def _gemma3(config: Config, fields: Fields) -> None:
    fields["sliding_window"] = config.get("sliding_window", 4096)
    layer_pattern(config, fields, config.get("sliding_window_pattern", 6))


def _phi3(config: Config, fields: Fields) -> None:
    fields["sliding_window"] = config.get("sliding_window")


def _qwen3(config: Config, fields: Fields) -> None:
    fields["attention_output_bias"] = fields["attention_bias"]
    qwen2_window(config, fields)


_LAYERNORM: Fields = {"norm": "layernorm", "gated_mlp": False}

FAMILIES: Mapping[str, Family] = {
    # LlamaConfig; CodeLlama, Llama 2 and 3 alike
    "llama": Family(defaults={"hidden_act": "silu", "max_position_embeddings": 2048, "tie_word_embeddings": False}),
    # MistralConfig: a missing window is 4096, a null one is none
    "mistral": Family(
        defaults={
            "hidden_act": "silu",
            "max_position_embeddings": 131072,
            "num_key_value_heads": 8,
            "tie_word_embeddings": False,
        },
        switches={"sliding_window": int},
        finish=_mistral_window,
    ),
    # Qwen2Config; Qwen2Attention has biases on q, k and v only
    "qwen2": Family(
        defaults={"hidden_act": "silu", "max_position_embeddings": 32768, "tie_word_embeddings": False},
        structure={"attention_bias": True, "attention_output_bias": False},
        switches={"sliding_window": int, "use_sliding_window": bool, "max_window_layers": int},
        finish=qwen2_window,
    ),
    # GPT2Config; every Conv1D has a bias
    "gpt2": Family(
        renames={
            "n_embd": "hidden_size",
            "n_inner": "intermediate_size",
            "n_layer": "num_hidden_layers",
            "n_head": "num_attention_heads",
            "n_positions": "max_position_embeddings",
            "activation_function": "hidden_act",
        },
        defaults={"hidden_act": "gelu_new", "max_position_embeddings": 1024, "tie_word_embeddings": True},
        structure={**_LAYERNORM, "position": "learned", "attention_bias": True, "mlp_bias": True},
        finish=_four_times,
    ),
    # GPTNeoXConfig; two norms feed the parallel branches, MLP biases are always there
    "gpt_neox": Family(
        defaults={
            "hidden_act": "gelu",
            "max_position_embeddings": 2048,
            "tie_word_embeddings": False,
            "attention_bias": True,
        },
        structure={**_LAYERNORM, "mlp_bias": True, "num_parallel_norms": 2},
        switches={"use_parallel_residual": bool},
        finish=_neox,
    ),
    # OPTConfig; OPTLearnedPositionalEmbedding has two extra rows
    "opt": Family(
        renames={
            "ffn_dim": "intermediate_size",
            "activation_function": "hidden_act",
            "word_embed_proj_dim": "embedding_size",
        },
        defaults={"hidden_act": "relu", "max_position_embeddings": 2048, "tie_word_embeddings": True},
        structure={**_LAYERNORM, "position": "learned", "position_offset": 2},
        switches={
            "enable_bias": bool,
            "do_layer_norm_before": bool,
            "_remove_final_layer_norm": bool,
            "layer_norm_elementwise_affine": bool,
        },
        finish=_opt,
    ),
    # FalconConfig; with the new architecture the branches have a norm each unless num_ln_in_parallel_attn says 1
    "falcon": Family(
        renames={
            "n_layer": "num_hidden_layers",
            "n_head": "num_attention_heads",
            "ffn_hidden_size": "intermediate_size",
            "activation": "hidden_act",
        },
        defaults={"hidden_act": "gelu", "max_position_embeddings": 2048, "tie_word_embeddings": True},
        structure=_LAYERNORM,
        switches={
            "alibi": bool,
            "bias": bool,
            "multi_query": bool,
            "new_decoder_architecture": bool,
            "num_kv_heads": int,
            "num_ln_in_parallel_attn": int,
            "parallel_attn": bool,
        },
        finish=_falcon,
        origins={"num_parallel_norms": "num_ln_in_parallel_attn", "num_key_value_heads": "num_kv_heads"},
    ),
    # Qwen3Config; q and k heads are normalised
    "qwen3": Family(
        defaults={
            "hidden_act": "silu",
            "max_position_embeddings": 32768,
            "tie_word_embeddings": False,
            "head_dim": 128,
            "attention_bias": False,
        },
        structure={"qk_norm": True},
        switches={"sliding_window": int, "use_sliding_window": bool, "max_window_layers": int},
        finish=_qwen3,
    ),
    # Gemma2Config; norms before and after each sublayer, soft capping of scores and logits costs nothing here
    "gemma2": Family(
        renames={"hidden_activation": "hidden_act"},
        defaults={
            "hidden_act": "gelu_pytorch_tanh",
            "max_position_embeddings": 8192,
            "tie_word_embeddings": True,
            "head_dim": 256,
        },
        structure={"norm_position": "both"},
        switches={"sliding_window": int},
        finish=_gemma2,
        supports=frozenset({"layer_types"}),
    ),
    # Gemma3TextConfig; as gemma2, heads of q and k normalised, every sixth layer sees all
    "gemma3_text": Family(
        renames={"hidden_activation": "hidden_act"},
        defaults={
            "hidden_act": "gelu_pytorch_tanh",
            "max_position_embeddings": 131072,
            "tie_word_embeddings": True,
            "head_dim": 256,
        },
        structure={"norm_position": "both", "qk_norm": True},
        switches={"sliding_window": int, "sliding_window_pattern": int},
        finish=_gemma3,
        supports=frozenset({"layer_types"}),
    ),
    # Phi3Config; a null window is none
    "phi3": Family(
        defaults={"hidden_act": "silu", "max_position_embeddings": 4096, "tie_word_embeddings": False},
        switches={"sliding_window": int},
        finish=_phi3,
    ),
    **SPARSE_FAMILIES,
}

#: Names of activation functions in configs -> ours; variants of gelu differ in accuracy, not in work worth counting.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_fast": "gelu",
    "gelu_new": "gelu",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "quick_gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}

#: Key -> feature it announces that is not modelled.  A value of null, false, 0 or 1 (one expert) announces nothing.
UNSUPPORTED = {
    "add_cross_attention": "cross-attention",
    "attention_chunk_size": "chunked attention",
    "expert_layer_period": "mixture of experts",
    "first_k_dense_replace": "mixture of experts",
    "index_topk": "sparse attention",
    "is_encoder_decoder": "an encoder-decoder",
    "kv_lora_rank": "latent attention (MLA)",
    "moe_intermediate_size": "mixture of experts",
    "n_routed_experts": "mixture of experts",
    "num_experts": "mixture of experts",
    "num_experts_per_tok": "mixture of experts",
    "num_local_experts": "mixture of experts",
    "num_nextn_predict_layers": "multi-token prediction",
    "q_lora_rank": "latent attention (MLA)",
    "state_size": "a state-space model",
    "text_config": "a model nested in a multimodal one",
    "vision_config": "a vision encoder",
}

#: Patterns of keys that do not change shapes, work or bytes: identity, training, tokens, numerics, code switches; the
#: frequencies of rotary embeddings (also which fraction of a head is rotated: a few bytes, all heads count as whole).
HARMLESS = (
    r"_name_or_path|architectures|auto_map|model_type|name|transformers_version|id2label|label2id|task_specific_params",
    r".*_token_id|.*_token_ids|.*dropout.*|.*_pdrop|layerdrop|initializer_.*|init_std|.*_eps|.*_epsilon|prefix",
    r"rope_theta|rope_scaling|rope_parameters|rotary_.*|partial_rotary_factor|original_max_position_embeddings",
    r"use_cache|pretraining_tp|output_.*|return_.*|gradient_checkpointing|attn_implementation|_attn_implementation.*",
    r"summary_.*|scale_attn_.*|reorder_and_upcast_attn|n_ctx|apply_residual_connection_post_layernorm|torchscript",
    r"classifier_.*|problem_type|.*_length_penalty|chunk_size_feed_forward|use_bfloat16|tokenizer_class|_commit_hash",
    r"norm_topk_prob|scoring_func|routed_scaling_factor|router_.*|output_router_logits|aux_loss_alpha|seq_aux|topk_group",
    r"topk_method|ep_size|.*_logit_softcapping|query_pre_attn_scalar|rope_local_base_freq|rope_interleave|cache_implementation",
    r"initial_context_length|swiglu_limit|is_decoder|max_length|min_length|do_sample|temperature|top_k|top_p|num_beams|.*_flash_attn|use_mup|unk_token_id",
)
