"""Phi-1, Phi-1.5 and Phi-2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._layernorm import LAYERNORM, four_times
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("phi")
class Phi(Family):
    """``PhiConfig``; both branches behind one norm, biases everywhere, on the logits too."""

    renames: ClassVar[Mapping[str, str]] = {"qk_layernorm": "qk_norm"}
    defaults: ClassVar[Values] = {
        "hidden_act": "gelu_new",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
    }
    structure: ClassVar[Values] = {
        **LAYERNORM,
        "parallel_block": True,
        "attention_bias": True,
        "attention_output_bias": True,
        "mlp_bias": True,
        "head_bias": True,
    }

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The width of the MLP.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        four_times(fields)
