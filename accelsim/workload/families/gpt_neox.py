"""GPT-NeoX, Pythia."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families._layernorm import LAYERNORM
from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family


@register_family("gpt_neox")
class GPTNeoX(Family):
    """``GPTNeoXConfig``; two norms feed the parallel branches, MLP biases are always there."""

    defaults: ClassVar[Values] = {
        "hidden_act": "gelu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "attention_bias": True,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    structure: ClassVar[Values] = {**LAYERNORM, "mlp_bias": True, "num_parallel_norms": 2}
    switches: ClassVar[Mapping[str, type]] = {"use_parallel_residual": bool}

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Branches side by side or one after the other."""
        fields["parallel_block"] = config.get("use_parallel_residual", True)
