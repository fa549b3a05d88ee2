"""What a config announces that is not modelled, in words: every reason at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from accelsim.workload.description import Description
from accelsim.workload.families.base import Family
from accelsim.workload.features.experts import ExpertLayers
from accelsim.workload.formats._keys import HARMLESS

#: Pattern of keys -> what they announce, which no family models.
_UNMODELLED: Mapping[str, str] = {
    r"add_cross_attention|cross_attention_layers|cross_attn_.*": "cross-attention",
    r"is_encoder_decoder|encoder_layers|num_encoder_layers": "an encoder-decoder with cross-attention",
    r"index_topk|index_n_heads|index_head_dim|sparse_attention_config|sparse_.*block.*|use_nsa|dsa_.*": (
        "sparse attention"
    ),
    r"compress_ratios|compress_rope_theta": "compressed attention",
    r"hc_mult": "a residual stream of several lanes (hyper-connections)",
    r"o_lora_rank": "a compressed output projection",
    r"state_size|ssm_state_size|mamba_(?!.*dtype).*|conv_L_cache": "a state-space model (Mamba)",
    r"hybrid_override_pattern|layers_block_type|attn_layer_period|attn_layer_indices|block_types": (
        "a hybrid of layers of different kinds"
    ),
    r"linear_num_key_heads|linear_num_value_heads|linear_attn_config|linear_attention_.*|full_attention_interval": (
        "linear attention"
    ),
    r"attn_output_gate|mla_use_output_gate": "gated attention",
    r"attention_chunk_size": "chunked attention",
    r"attention_k_eq_v": "one projection for keys and values",
    r"num_kv_shared_layers": "a cache that layers share",
    r"hidden_size_per_layer_input": "an embedding per layer",
    r"global_head_dim|attention_other_setting|block_configs": "a shape that differs by layer",
    r"moe_latent_size|routed_expert_hidden_size": "a mixture of experts on compressed activations",
    r"enable_moe_block": "an MLP beside the experts of a layer",
    r"type_vocab_size": "an encoder (BERT)",
    r"encoder_stride|num_channels|image_size": "an encoder of images",
    r"num_mel_bins": "an encoder of sound, with convolutions",
    r"num_timesteps|sample_size": "diffusion",
}
#: Features that some families model, by the key that announces them: those of a known family have to read them.
_OF_SOME: Mapping[str, str] = Description.announcements()
_NESTED_EXPERTS = re.compile(r".*(expert|moe).*")
_KINDS = frozenset({"full_attention", "sliding_attention"})


def unmodelled(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys that announce what no family models, with the words to say so; one per feature.

    Args:
        config: Keys and values.
    """
    for pattern, feature in _UNMODELLED.items():
        keys = [key for key, value in config.items() if is_on(value) and re.fullmatch(pattern, key)]
        if keys:
            others = f" ({', '.join(keys[1:])} too)" if len(keys) > 1 else ""
            yield keys[0], f"{feature} is not modelled{others}"
    kinds = config.get("layer_types")
    unknown = sorted({str(kind) for kind in kinds} - _KINDS) if isinstance(kinds, list) else []
    if unknown:
        yield "layer_types", f"layers of kind {', '.join(unknown)} are not modelled"


def unsupported(config: Mapping[str, Any], family: type[Family]) -> Iterator[tuple[str, str]]:
    """Keys that announce what is not modelled, or not by this family.

    Args:
        config: Keys and values.
        family: That reads them.
    """
    known = family.supports | family.notes.keys() | family.renames.keys() | family.switches.keys() | _fields_of(family)
    yield from unmodelled({key: value for key, value in config.items() if key not in known or key == "layer_types"})
    has_experts = ExpertLayers in family.features
    for key, value in config.items():
        is_experts = _NESTED_EXPERTS.fullmatch(key) and not has_experts and not HARMLESS.fullmatch(key)
        feature = _OF_SOME.get(key) or ("mixture of experts" if is_experts else None)
        if feature is not None and key not in known and is_on(value):
            yield key, f"{feature} is not modelled in this family"
    kinds = None if "layer_types" in known else config.get("layer_types")
    if isinstance(kinds, list) and len({str(kind) for kind in kinds} & _KINDS) > 1:
        yield "layer_types", "layers of different kinds are not modelled in this family"


def announces(key: str, value: object) -> bool:
    """Whether a key is about a feature that a family has to read, or that is off; the file says nothing else then.

    Args:
        key: Of a config that is not refused.
        value: What it holds.
    """
    is_feature = key in _OF_SOME or any(re.fullmatch(pattern, key) for pattern in _UNMODELLED)
    return is_feature or (_NESTED_EXPERTS.fullmatch(key) is not None and not is_on(value))


def is_on(value: object) -> bool:
    """Whether a value announces anything: null, false, 0, 1 (one expert) and what is empty do not."""
    return value is True or (value not in (None, 0, 1) and value not in ("", [], {}))


def _fields_of(family: type[Family]) -> frozenset[str]:
    """Keys of mixtures that the family gives defaults for, or sets itself: it reads them."""
    own = (key for one in family.features for key in one.config_keys)
    return frozenset(key for key in own if key in family.defaults)
