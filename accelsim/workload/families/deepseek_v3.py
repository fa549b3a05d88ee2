"""DeepSeek-V3 and R1, Kimi K2."""

from __future__ import annotations

from typing import ClassVar

from accelsim.workload.families.base import Values, register_family
from accelsim.workload.families.deepseek_v2 import DeepseekV2


@register_family("deepseek_v3")
@register_family("kimi_k2")
class DeepseekV3(DeepseekV2):
    """``DeepseekV3Config``: as V2 with other defaults."""

    defaults: ClassVar[Values] = {
        **DeepseekV2.defaults,
        "max_position_embeddings": 4096,
        "first_k_dense_replace": 3,
    }
