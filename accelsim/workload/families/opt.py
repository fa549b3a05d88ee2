"""OPT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.errors import ConfigError
from accelsim.workload.families._layernorm import LAYERNORM
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("opt")
class OPT(Family):
    """``OPTConfig``; ``OPTLearnedPositionalEmbedding`` has two extra rows."""

    renames: ClassVar[Mapping[str, str]] = {
        "ffn_dim": "intermediate_size",
        "activation_function": "hidden_act",
        "word_embed_proj_dim": "embedding_size",
    }
    defaults: ClassVar[Values] = {
        "hidden_act": "relu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
    }
    structure: ClassVar[Values] = {**LAYERNORM, "position": "learned", "position_offset": 2}
    switches: ClassVar[Mapping[str, type]] = {
        "enable_bias": bool,
        "do_layer_norm_before": bool,
        "_remove_final_layer_norm": bool,
        "layer_norm_elementwise_affine": bool,
    }

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Biases and the place of norms."""
        if not config.get("layer_norm_elementwise_affine", True):
            raise ConfigError("layer_norm_elementwise_affine: norms without weights are not modelled. Use true.")
        bias = config.get("enable_bias", True)
        fields.update(attention_bias=bias, attention_output_bias=bias, mlp_bias=bias)
        pre_norm = config.get("do_layer_norm_before", True)
        fields["norm_position"] = "pre" if pre_norm else "post"
        fields["final_norm"] = pre_norm and not config.get("_remove_final_layer_norm", False)
