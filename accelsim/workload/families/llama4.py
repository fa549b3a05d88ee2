"""Llama 4, the language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import ONE_BIAS, Config, Family, Fields, Values, register_family
from accelsim.workload.features.base import Feature
from accelsim.workload.features.experts import ExpertLayers


@register_family("llama4_text")
class Llama4Text(Family):
    """``Llama4TextConfig``; every so manyth layer has experts, beside one that all tokens share.

    Three of four layers attend to the positions of one chunk; here to a window of that size, which is the longest a
    chunk gets.
    """

    features: ClassVar[tuple[type[Feature], ...]] = (ExpertLayers,)
    renames: ClassVar[Mapping[str, str]] = {
        "interleave_moe_layer_step": "decoder_sparse_step",
        "num_local_experts": "num_experts",
    }
    defaults: ClassVar[Values] = {
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "decoder_sparse_step": 1,
        "num_experts": 16,
        "num_experts_per_tok": 1,
    }
    follows: ClassVar[Mapping[str, str]] = ONE_BIAS
    switches: ClassVar[Mapping[str, type]] = {
        "attention_chunk_size": int,
        "intermediate_size_mlp": int,
        "moe_layers": list,
    }
    supports: ClassVar[frozenset[str]] = frozenset(
        {"interleave_moe_layer_step", "layer_types", "num_local_experts", "num_experts_per_tok"}
    )
    notes: ClassVar[Mapping[str, str]] = {
        "attention_chunk_size": "chunks of positions are taken for a window of that size, the longest a chunk gets",
        "use_qk_norm": "the norm of queries and keys, which has no weights, is left out",
    }

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Widths of the two kinds of layers, and the chunks.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        width = fields.get("intermediate_size")
        fields["moe_intermediate_size"] = fields["shared_expert_intermediate_size"] = width or 0
        fields["intermediate_size"] = config.get("intermediate_size_mlp", width)
        fields["sliding_window"] = config.get("attention_chunk_size")
        fields["sliding_window_pattern"] = 4
        layers = fields.get("num_hidden_layers")
        if "moe_layers" in config and isinstance(layers, int):
            fields["decoder_sparse_step"] = 1
            fields["mlp_only_layers"] = tuple(i for i in range(layers) if i not in config["moe_layers"])
