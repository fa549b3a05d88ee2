"""Meta's and Mistral's own ``params.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from accelsim.errors import ConfigError
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers

#: Llama 2 leaves the vocabulary to its tokenizer (-1).
_LLAMA2_VOCABULARY = 32_000


@register_family("params_json")
class ParamsJson(Family):
    """``ModelArgs`` of llama-models and mistral-inference: a Llama, or a Mixtral where ``moe`` is there.

    The files do not say how many positions a model was trained for: 131,072 are taken, so that no length is warned of.
    """

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {
        "dim": "hidden_size",
        "hidden_dim": "intermediate_size",
        "max_seq_len": "max_position_embeddings",
        "n_heads": "num_attention_heads",
        "n_kv_heads": "num_key_value_heads",
        "n_layers": "num_hidden_layers",
        "tied_embeddings": "tie_word_embeddings",
    }
    defaults: ClassVar[Values] = {"max_position_embeddings": 131072, "tie_word_embeddings": False}
    structure: ClassVar[Values] = {"hidden_act": "silu"}
    switches: ClassVar[Mapping[str, type]] = {"moe": dict, "multiple_of": int, "sliding_window": int}
    supports: ClassVar[frozenset[str]] = frozenset(
        {"ffn_dim_multiplier", "max_batch_size", "norm_eps", "use_scaled_rope", "vocab_size"}
    )

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Width of the MLP, vocabulary, experts and window.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        if fields.get("vocab_size") == -1:
            fields["vocab_size"] = _LLAMA2_VOCABULARY
        if isinstance(config["dim"], int):
            fields.setdefault("intermediate_size", _width(config["dim"], config))
        fields["sliding_window"] = config.get("sliding_window")
        experts: Mapping[str, Any] = config.get("moe", {})
        if experts:
            fields["num_experts"] = experts.get("num_experts")
            fields["num_experts_per_tok"] = experts.get("num_experts_per_tok")


def _width(hidden: int, config: Config) -> int:
    """Two thirds of four times the width, times a factor, up to a multiple (llama-models, ``FeedForward``).

    Raises:
        ConfigError: A factor that is no number.
    """
    factor, multiple = config.get("ffn_dim_multiplier", 1.0), config.get("multiple_of", 256)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < 1e3 or multiple < 1:
        raise ConfigError(f"ffn_dim_multiplier, multiple_of: expected numbers above 0, got {factor!r}, {multiple!r}.")
    width: int = int(factor * int(2 * 4 * hidden / 3))
    return int(multiple) * -(-width // int(multiple))
