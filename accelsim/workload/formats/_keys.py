"""Keys of ``config.json`` that change nothing, whatever the family, and those that must agree with what is modelled."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Patterns of keys that do not change shapes, work or bytes: identity, training, tokens, numerics, code switches; the
#: frequencies of rotary embeddings (also which fraction of a head is rotated: a few bytes, all heads count as whole).
_HARMLESS = (
    r"_name_or_path|architectures|auto_map|model_type|name|transformers_version|id2label|label2id|task_specific_params",
    r".*_token_id|.*_token_ids|.*_token_index|.*dropout.*|.*_pdrop|layerdrop|initializer_.*|init_std|init_method.*|prefix",
    r".*_jitter_noise|.*_eps|.*_epsilon|rope_theta|rope_scaling|rope_parameters|rope_type|rope_ratio|rotary_.*|partial_rotary_factor",
    r"original_max_position_embeddings|use_cache|pretraining_tp|output_.*|return_.*|gradient_checkpointing",
    r"attn_implementation|_attn_implementation.*|.*_flash_attn|use_mup|cache_implementation|use_bfloat16|torchscript",
    r"summary_.*|scale_attn_.*|reorder_and_upcast_attn|n_ctx|apply_residual_connection_post_layernorm|original_rope",
    r"classifier_.*|problem_type|chunk_size_feed_forward|tokenizer_class|_commit_hash|finetuning_task|num_labels",
    r"norm_topk_prob|scoring_func|routed_scaling_factor|router_.*|output_router_logits|aux_loss_alpha|seq_aux|topk_group",
    r"topk_method|ep_size|.*_logit_softcapping|query_pre_attn_scalar|rope_local_base_freq|rope_interleave|moe_router_.*",
    r"initial_context_length|swiglu_limit|is_decoder|unk_token_id|ignore_index|max_sequence_length|seq_length|use_return_dict",
    r"attention_softmax_in_fp32|max_seq_len",
    r"no_rope_layers|no_rope_layer_interval|mrope_.*|use_mrope|attn_temperature_tuning|floor_scale|attn_scale|expert_.*dropout",
    # what a full dump says of generation
    r"max_length|min_length|max_new_tokens|do_sample|temperature|top_k|top_p|typical_p|num_beams|num_beam_groups",
    r"early_stopping|.*_penalty|.*no_repeat_ngram_size|num_return_sequences|bad_words_ids|.*suppress_tokens",
    r"forced_.*_token_id|remove_invalid_values|tf_legacy_loss|tie_encoder_decoder|cross_attention_hidden_size|pruned_heads",
)
HARMLESS = re.compile("|".join(f"(?:{pattern})" for pattern in _HARMLESS))

#: Key -> field of a model that it has to agree with where the family does not read it; then it says nothing new.
AGREEING: Mapping[str, str] = {
    "qk_layernorm": "qk_norm",
    "qkv_bias": "attention_bias",
    "use_qk_norm": "qk_norm",
    "use_qkv_bias": "attention_bias",
}
