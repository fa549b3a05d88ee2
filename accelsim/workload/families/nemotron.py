"""Nemotron-4 and Minitron."""

from __future__ import annotations

from typing import ClassVar

from accelsim.workload.families._layernorm import LAYERNORM
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


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
    structure: ClassVar[Values] = LAYERNORM

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Biases of attention.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        fields["attention_output_bias"] = fields["attention_bias"]
