"""What the main memory of one chip holds over time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accelsim.engine.clock import TICKS_PER_S
from accelsim.mapping.execution.spatial.occupancy import occupancy_curve
from accelsim.mapping.price import PricedBlock
from accelsim.results.data import RunData
from accelsim.results.shown import shown_stages
from accelsim.results.tables.columns import Columns, by_column
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role, Tensor

COLUMNS = ("time_s", "stage", "operator", "weight_bytes", "kv_cache_bytes", "activation_bytes", "total_bytes")


def memory_table(result: RunData) -> Columns:
    """Bytes alive from ``time_s`` on, operator after operator, on one chip; its largest total is the footprint.

    Weights and the KV cache are reserved for the whole run (the cache for the last step); an activation lives from the
    operator that writes it to its last reader in the block.  Repeated blocks are drawn once, and of a long decode the
    first of several steps.

    Where operators stream through their own rectangles, the tiles of the fullest chip: the KV cache fills as each group
    takes up a unit (``operator`` is the group); weights and buffers are set aside for the whole run.  Where weights
    stream in, one row: what is set aside for them.
    """
    resident = result.footprint.role_bytes
    weight, kv_cache = resident.get(Role.WEIGHT.value, 0), resident.get(Role.KV_CACHE.value, 0)
    other = sum(resident.values()) - weight - kv_cache
    rows: list[tuple[object, ...]] = []
    if result.mapped.overlapped is not None:
        for time_s, group, cached in _cached_over_time(result, kv_cache):
            rows.append((time_s, 0, group, weight, cached, other, weight + cached + other))
        return by_column(rows, COLUMNS)
    alive_of: dict[PricedBlock, list[int]] = {}
    blocks = result.mapped.blocks_in_time
    for shown in shown_stages(result.timeline):
        stage, block = shown.stage, blocks[shown.index]
        graph = stage.stage.graph
        first = np.full(len(block.operators), np.iinfo(np.int64).max)
        np.minimum.at(first, graph.label, stage.timeline.start_ticks)
        alive = alive_of.get(block) or alive_of.setdefault(block, _alive_bytes(block))
        for priced, start, activation in zip(block.operators, first, alive, strict=True):
            time_s = (stage.start_ticks + int(start)) / TICKS_PER_S
            total = weight + kv_cache + activation
            rows.append((time_s, shown.index, priced.operator.name, weight, kv_cache, activation, total))
    return by_column(rows, COLUMNS)


def _cached_over_time(result: RunData, kv_cache_bytes: int) -> Iterator[tuple[float, str, int]]:
    """Time, group and bytes of KV cache on the fullest chip, from each unit that a group takes up on."""
    run, stage = result.spatial, result.timeline.stages[0]
    if run is None:
        yield 0.0, "", kv_cache_bytes
        return
    fills = run.occupancy.fills
    held_by_chip = np.bincount(
        [spot.chip for spot in run.floor.spots], [fill.peak_bytes * fill.num_tiles for fill in fills]
    )
    tokens = np.array([run.stream.shapes[shape].tokens for shape in run.stream.unit_shape], dtype=np.float64)
    before = float(run.stream.cached_before)
    times_s, added_bytes, groups, at_start = [], [], [], 0.0
    for fill, spot in zip(fills, run.floor.spots, strict=True):
        if spot.chip != int(held_by_chip.argmax()) or fill.kv_bytes == 0:
            continue
        task = int(np.flatnonzero(stage.stage.graph.label == stage.stage.graph.labels.index(fill.name))[0])
        num_tasks = stage.stage.graph.num_tasks // run.stream.num_units
        curve_s, held = occupancy_curve(fill, task, num_tasks, tokens, before, stage.timeline)
        at_start += fill.kv_bytes * fill.num_tiles - float(held[-1] - held[0]) * fill.num_tiles
        times_s.append(curve_s[1:])
        added_bytes.append(np.diff(held) * fill.num_tiles)
        groups += [fill.name] * run.stream.num_units
    if not groups:
        yield 0.0, "", kv_cache_bytes
        return
    time_s, added = np.concatenate(times_s), np.concatenate(added_bytes)
    order = np.argsort(time_s, kind="stable")
    cached = at_start + np.cumsum(added[order])
    scale = kv_cache_bytes / cached[-1]  # the footprint is rounded to whole bytes per group
    yield 0.0, "", round(at_start * scale)
    for at, index in enumerate(order):
        yield float(time_s[index]), groups[index], round(float(cached[at]) * scale)


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
