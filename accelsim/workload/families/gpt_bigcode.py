"""StarCoder and SantaCoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from accelsim.workload.families.base import Config, Fields, register_family
from accelsim.workload.families.gpt2 import GPT2


@register_family("gpt_bigcode")
class GPTBigCode(GPT2):
    """``GPTBigCodeConfig``; as GPT-2, with one key-value head."""

    switches: ClassVar[Mapping[str, type]] = {"multi_query": bool}
    supports: ClassVar[frozenset[str]] = frozenset({"inference_runner", "max_batch_size", "max_sequence_length"})

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """The width of the MLP, and the heads.

        Args:
            config: Keys of the file.
            fields: Of the model; changed.
        """
        super().finish(config, fields)
        if config.get("multi_query", True):
            fields["num_key_value_heads"] = 1
