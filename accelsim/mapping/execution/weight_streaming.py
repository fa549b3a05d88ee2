"""Weight streaming: operators span the whole chip, weights come in over the link to the host layer by layer."""

from __future__ import annotations

from typing import ClassVar

from accelsim.mapping.execution.base import register_execution
from accelsim.mapping.plan_keys import PlanKey


@register_execution("weight_streaming")
class WeightStreaming:
    """Operators on the whole chip behind the loads of their weights."""

    keys: ClassVar[tuple[PlanKey, ...]] = ()
