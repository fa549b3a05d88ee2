"""Command R and Command R+."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import ONE_BIAS, Family, Values, register_family


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
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    structure: ClassVar[Values] = {
        "norm": "layernorm",
        "norm_bias": False,
        "parallel_block": True,
        "qk_norm_over": "all",
    }

    supports: ClassVar[frozenset[str]] = frozenset({"logit_scale"})
