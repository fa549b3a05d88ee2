"""MiMo 7B."""

from __future__ import annotations

from typing import ClassVar

from accelsim.workload.families.base import Values, register_family
from accelsim.workload.families.qwen2 import Qwen2


@register_family("mimo")
class MiMo(Qwen2):
    """``MiMoConfig`` of the files' own code: as Qwen2, whose biases it states, with layers for prediction."""

    structure: ClassVar[Values] = {"attention_output_bias": False}
    defaults: ClassVar[Values] = {**Qwen2.defaults, "attention_bias": True}
