"""Open tables whose members ``show`` lists and ``explain`` explains: each by its name and the first line it says."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelsim.registry import Registry

#: Where the registries are that are listed.
REGISTRIES = {
    "topologies": "accelsim.network.topology.base:TOPOLOGIES",
    "collectives": "accelsim.network.collectives.base:COLLECTIVES",
    "placers": "accelsim.mapping.placement.base:PLACERS",
    "schedules": "accelsim.mapping.schedule.base:SCHEDULES",
    "executions": "accelsim.mapping.execution.base:EXECUTIONS",
    "operators": "accelsim.workload.operator:OPERATORS",
    "families": "accelsim.workload.families.base:FAMILIES",
    "blocks": "accelsim.workload.blocks.base:BLOCKS",
    "cost-models": "accelsim.cost.base:COST_MODELS",
    "kernel-families": "accelsim.cost.gpu.kernels.base:KERNEL_FAMILIES",
}


def members(kind: str) -> Iterator[tuple[str, str]]:
    """``(name, meaning)`` of the members of a registry, sorted by name.

    Args:
        kind: A key of ``REGISTRIES``.
    """
    module, _, name = REGISTRIES[kind].partition(":")
    registry: Registry[object] = getattr(import_module(module), name)
    for member_name, member in registry.items():
        yield member_name, (member.__doc__ or "").strip().partition("\n")[0]


def named(word: str) -> Iterator[tuple[str, str, str]]:
    """``(kind, name, meaning)`` of all members called ``word``, of collectives by their algorithm alone too.

    Args:
        word: A name, e.g. ``snake``, ``spatial`` or ``ring``.
    """
    for kind in REGISTRIES:
        for name, meaning in members(kind):
            if word in (name, name.rpartition("/")[2]):
                yield kind, name, meaning
