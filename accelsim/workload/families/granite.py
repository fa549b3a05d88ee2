"""Granite 3, dense."""

from __future__ import annotations

from typing import ClassVar

from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("granite")
class Granite(Family):
    """``GraniteConfig``; its multipliers of embedding, residual, attention and logits cost nothing here."""

    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
    }

    supports: ClassVar[frozenset[str]] = frozenset(
        {"attention_multiplier", "embedding_multiplier", "logits_scaling", "residual_multiplier"}
    )

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Biases of attention.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        fields["attention_output_bias"] = fields["attention_bias"]
