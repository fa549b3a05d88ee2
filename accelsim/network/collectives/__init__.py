"""Collective algorithms by (kind, name); a member is a file with ``@register_collective``."""

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import (
    COLLECTIVES,
    CollectiveAlgorithm,
    algorithms_of,
    get_algorithm,
    register_collective,
)
from accelsim.network.collectives.schedule import Schedule

__all__ = [
    "COLLECTIVES",
    "CollectiveAlgorithm",
    "FoldedStep",
    "Schedule",
    "algorithms_of",
    "get_algorithm",
    "register_collective",
]
