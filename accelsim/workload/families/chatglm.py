"""ChatGLM2, ChatGLM3 and GLM-4-9B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.errors import ConfigError
from accelsim.workload.families.base import Config, Family, Fields, Values, register_family


@register_family("chatglm")
class ChatGLM(Family):
    """``ChatGLMConfig`` of the files' own code: SwiGLU, key-value groups, half of each head rotated."""

    renames: ClassVar[Mapping[str, str]] = {
        "ffn_hidden_size": "intermediate_size",
        "kv_channels": "head_dim",
        "num_layers": "num_hidden_layers",
        "padded_vocab_size": "vocab_size",
        "seq_length": "max_position_embeddings",
    }
    defaults: ClassVar[Values] = {"max_position_embeddings": 2048, "tie_word_embeddings": False}
    structure: ClassVar[Values] = {"hidden_act": "silu", "attention_output_bias": False}
    switches: ClassVar[Mapping[str, type]] = {
        "add_bias_linear": bool,
        "add_qkv_bias": bool,
        "multi_query_attention": bool,
        "multi_query_group_num": int,
        "post_layer_norm": bool,
        "rmsnorm": bool,
    }
    supports: ClassVar[frozenset[str]] = frozenset({"bias_dropout_fusion", "fp32_residual_connection", "pre_seq_len"})
    with_head: ClassVar[frozenset[str]] = frozenset({"ChatGLMModel"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Norms, biases and groups.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        if not config.get("rmsnorm", True):
            raise ConfigError("rmsnorm: only true is modelled.")
        bias = config.get("add_bias_linear", False)
        fields.update(attention_output_bias=bias, mlp_bias=bias, final_norm=config.get("post_layer_norm", True))
        fields["attention_bias"] = bias or config.get("add_qkv_bias", False)
        if config.get("multi_query_attention", False):
            fields["num_key_value_heads"] = config.get("multi_query_group_num", 1)
