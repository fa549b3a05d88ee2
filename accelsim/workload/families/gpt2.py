"""GPT-2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._layernorm import LAYERNORM, four_times
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("gpt2")
class GPT2(Family):
    """``GPT2Config``; every ``Conv1D`` has a bias."""

    renames: ClassVar[Mapping[str, str]] = {
        "n_embd": "hidden_size",
        "n_inner": "intermediate_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_positions": "max_position_embeddings",
        "activation_function": "hidden_act",
    }
    defaults: ClassVar[Values] = {
        "hidden_act": "gelu_new",
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
    }
    structure: ClassVar[Values] = {
        **LAYERNORM,
        "position": "learned",
        "attention_bias": True,
        "mlp_bias": True,
    }

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The width of the MLP."""
        four_times(fields)
