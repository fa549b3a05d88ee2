"""What the main memory of one chip holds over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelsim.engine.clock import TICKS_PER_S
from accelsim.mapping.price import PricedBlock
from accelsim.mapping.spatial.lowering import LoweredPipeline
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role, Tensor

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.results.result import Result

COLUMNS = ("time_s", "stage", "operator", "weight_bytes", "kv_cache_bytes", "activation_bytes", "total_bytes")


def memory_table(result: Result) -> pd.DataFrame:
    """Bytes alive from ``time_s`` on, operator after operator, on one chip; its largest total is the footprint.

    Weights and the KV cache are reserved for the whole run (the cache for the last step); an activation lives from the
    operator that writes it to its last reader in the block.  Repeated blocks are drawn once.  A run in which operators
    stream through their own rectangles has one row: what its tiles must hold.
    """
    import pandas as pd

    resident = result.footprint.role_bytes
    weight, kv_cache = resident.get(Role.WEIGHT.value, 0), resident.get(Role.KV_CACHE.value, 0)
    other = sum(resident.values()) - weight - kv_cache
    rows: list[tuple[object, ...]] = []
    if isinstance(result.lowered, LoweredPipeline):
        rows.append((0.0, 0, "", weight, kv_cache, other, weight + kv_cache + other))
        return pd.DataFrame(rows, columns=list(COLUMNS))
    alive_of: dict[int, list[int]] = {}
    for index, (stage, block) in enumerate(zip(result.timeline.stages, result.lowered.blocks, strict=True)):
        graph = stage.stage.graph
        first = np.full(len(block.operators), np.iinfo(np.int64).max)
        np.minimum.at(first, graph.label, stage.timeline.start_ticks)
        alive = alive_of.setdefault(id(block), _alive_bytes(block))
        for priced, start, activation in zip(block.operators, first, alive, strict=True):
            time_s = (stage.start_ticks + int(start)) / TICKS_PER_S
            total = weight + kv_cache + activation
            rows.append((time_s, index, priced.operator.name, weight, kv_cache, activation, total))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _alive_bytes(block: PricedBlock) -> list[int]:
    """Activation bytes alive while each operator of a block runs."""
    operators = [priced.operator for priced in block.operators]
    last_use = {tensor.name: i for i, operator in enumerate(operators) for tensor in _tensors(operator)}
    alive: dict[str, int] = {}
    sizes = []
    for i, operator in enumerate(operators):
        alive |= {t.name: t.size_bytes for t in _tensors(operator) if t.role is Role.ACTIVATION}
        sizes.append(sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last_use[name] > i}
    return sizes


def _tensors(operator: Operator) -> tuple[Tensor, ...]:
    return (*operator.inputs, *operator.outputs)
