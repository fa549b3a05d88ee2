"""What the entry point names: importing it enters every member of this package."""

from accelsim_example import (
    block,
    collective,
    cost_model,
    execution,
    kernel_family,
    operator,
    placer,
    schedule,
    topology,
)

__all__ = [
    "block",
    "collective",
    "cost_model",
    "execution",
    "kernel_family",
    "operator",
    "placer",
    "schedule",
    "topology",
]
