"""StarCoder2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.errors import ConfigError
from accelsim.workload.families._layernorm import LAYERNORM
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("starcoder2")
class Starcoder2(Family):
    """``Starcoder2Config``; biases everywhere or nowhere, a window on every layer."""

    defaults: ClassVar[Values] = {
        "hidden_act": "gelu_pytorch_tanh",
        "max_position_embeddings": 4096,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    }
    structure: ClassVar[Values] = LAYERNORM
    switches: ClassVar[Mapping[str, type]] = {
        "mlp_type": str,
        "norm_type": str,
        "sliding_window": int,
        "use_bias": bool,
    }

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Biases and the window.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        for key, modelled in (("mlp_type", "default"), ("norm_type", "layer_norm")):
            if config.get(key, modelled) != modelled:
                raise ConfigError(f"{key}: only {modelled!r} is modelled, got {config[key]!r}.")
        bias = config.get("use_bias", True)
        fields.update(attention_bias=bias, attention_output_bias=bias, mlp_bias=bias)
        fields["sliding_window"] = config.get("sliding_window")
