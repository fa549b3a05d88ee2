"""Falcon, also as its first files call it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._layernorm import LAYERNORM, four_times
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("falcon")
@register_family("RefinedWebModel")
@register_family("RefinedWeb")
class Falcon(Family):
    """``FalconConfig``; in the new architecture branches have a norm each unless num_ln_in_parallel_attn says 1."""

    renames: ClassVar[Mapping[str, str]] = {
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "ffn_hidden_size": "intermediate_size",
        "activation": "hidden_act",
    }
    defaults: ClassVar[Values] = {
        "hidden_act": "gelu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
    }
    structure: ClassVar[Values] = LAYERNORM
    switches: ClassVar[Mapping[str, type]] = {
        "alibi": bool,
        "bias": bool,
        "ff_factor": int,
        "multi_query": bool,
        "n_head_kv": int,
        "new_decoder_architecture": bool,
        "num_kv_heads": int,
        "num_ln_in_parallel_attn": int,
        "parallel_attn": bool,
    }
    origins: ClassVar[Mapping[str, str]] = {
        "num_parallel_norms": "num_ln_in_parallel_attn",
        "num_key_value_heads": "num_kv_heads",
    }

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """What the two architectures differ in.

        Args:
            config: Keys of the file; those of the older and of the newer architecture differ.
            fields: Fields of the model found so far, changed in place.
        """
        if isinstance(fields.get("hidden_size"), int) and "ff_factor" in config:
            fields.setdefault("intermediate_size", config["ff_factor"] * fields["hidden_size"])
        four_times(fields)
        new = config.get("new_decoder_architecture", "n_head_kv" in config)
        bias = config.get("bias", False)
        fields.update(attention_bias=bias, attention_output_bias=bias, mlp_bias=bias)
        fields["position"] = "alibi" if config.get("alibi", False) else "rope"
        fields["parallel_block"] = new or config.get("parallel_attn", True)
        norms = config.get("num_ln_in_parallel_attn")
        fields["num_parallel_norms"] = (2 if norms is None else norms) if new else 1
        if new:
            fields["num_key_value_heads"] = config.get("num_kv_heads", config.get("n_head_kv")) or fields.get(
                "num_attention_heads"
            )
        elif config.get("multi_query", True):
            fields["num_key_value_heads"] = 1
