"""Keys of ``config.json`` whatever the family: those that announce a feature, and those that change nothing."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.workload.description import Description

#: Key -> feature it announces, which a family has to read or the config is refused.  A value of null, false, 0 or 1
#: (one expert) announces nothing.
UNSUPPORTED: Mapping[str, str] = {
    **Description.announcements(),
    "add_cross_attention": "cross-attention",
    "attention_chunk_size": "chunked attention",
    "index_topk": "sparse attention",
    "is_encoder_decoder": "an encoder-decoder",
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
