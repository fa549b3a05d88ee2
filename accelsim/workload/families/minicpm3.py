"""MiniCPM3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.latent import LatentHeads


@register_family("minicpm3")
class MiniCPM3(Family):
    """``MiniCPM3Config`` of the files' own code: latent attention in a dense model, values as wide as a share of it."""

    features: ClassVar[tuple[type[Feature], ...]] = (LatentHeads,)
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "tie_word_embeddings": True,
        "attention_bias": False,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    supports: ClassVar[frozenset[str]] = frozenset({"kv_lora_rank", "q_lora_rank"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Heads are those of latent attention.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        hidden, heads = fields.get("hidden_size"), fields.get("num_attention_heads")
        if isinstance(hidden, int) and isinstance(heads, int) and heads > 0:
            fields.setdefault("v_head_dim", hidden // heads)
        fields.pop("head_dim", None)
        fields["num_key_value_heads"] = heads
