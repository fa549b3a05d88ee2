"""Nemotron-4 and Minitron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._layernorm import LAYERNORM
from accelsim.workload.families.base import ONE_BIAS, Family, Values, register_family


@register_family("nemotron")
class Nemotron(Family):
    """``NemotronConfig``; an MLP with squared relu and no gate."""

    defaults: ClassVar[Values] = {
        "hidden_act": "relu2",
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    structure: ClassVar[Values] = LAYERNORM
