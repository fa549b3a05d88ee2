"""Command R and Command R+."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("cohere")
class Cohere(Family):
    """``CohereConfig``; both branches behind one norm without bias; heads of q and k have norm weights of their own."""

    renames: ClassVar[Mapping[str, str]] = {"use_qk_norm": "qk_norm"}
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "qk_norm": False,
    }
    structure: ClassVar[Values] = {
        "norm": "layernorm",
        "norm_bias": False,
        "parallel_block": True,
        "qk_norm_over": "all",
    }

    supports: ClassVar[frozenset[str]] = frozenset({"logit_scale"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Biases of attention.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        fields["attention_output_bias"] = fields["attention_bias"]
