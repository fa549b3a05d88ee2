"""Attention on a mesh: the ways to run it, for one batch or for batches of sequences that differ."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.elementwise import Values
from accelsim.cost.mesh import rows as row_kernels
from accelsim.cost.mesh.machine import MeshCost, MeshMachine
from accelsim.cost.mesh.rows import CachedHeads
from accelsim.cost.ragged import Batches
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.ragged_attention import RaggedAttention

Region = tuple[Values, Values]


def attention_choices(operator: Attention, machine: MeshMachine, region: Region) -> dict[str, MeshCost]:
    """Every way to run sequences that are alike, by name.

    Args:
        operator: Attention of sequences that are alike.
        machine: A core and its links, in cycles.
        region: Rows and columns of cores.
    """
    batch, tokens = (float(x) for x in (operator.batch, operator.q_len))
    seen = float(operator.attended_positions)
    choices = few_queries(operator, machine, (batch, tokens, seen), region)
    if operator.q_len > 1:
        choices |= _many_queries(operator, machine, (batch, tokens, seen), region)
    return choices


def ragged_attention(operator: RaggedAttention, machine: MeshMachine, region: Region) -> MeshCost:
    """Batches of equal sequences one after another on all cores, each the fastest way among those that fit.

    Args:
        operator: Attention of sequences that differ.
        machine: A core and its links, in cycles.
        region: Rows and columns of cores.
    """
    batches = Batches.of(operator)
    extents = counts, new, _ = batches.counts, batches.new, batches.lengths
    few = [*few_queries(operator, machine, extents, region).values()]
    many = [*_many_queries(operator, machine, extents, region).values()]
    cycles = [np.asarray(way.cycles) for way in few] + [np.where(new > 1, way.cycles, np.inf) for way in many]
    fitting = [
        np.where(way.tile_bytes <= machine.sram_bytes, one, np.inf) for way, one in zip(few + many, cycles, strict=True)
    ]
    fits = np.isfinite(fitting).any(axis=0)
    best = np.where(fits, np.argmin(fitting, axis=0), np.argmin(cycles, axis=0))[None]
    taken = np.take_along_axis(np.stack(np.broadcast_arrays(*cycles)), best, axis=0)[0]
    run = batches.chosen(taken, np.atleast_1d(fits))

    def chosen(name: str) -> NDArray[np.float64]:
        columns = [np.broadcast_to(getattr(way, name), counts.shape) for way in few + many]
        found: NDArray[np.float64] = np.take_along_axis(np.stack(columns), best, axis=0)[0, run]
        return found

    totals = {one.name: chosen(one.name).sum() for one in dataclasses.fields(MeshCost)}
    return MeshCost(**{**totals, "tile_bytes": chosen("tile_bytes").max()})


def few_queries(
    operator: Attention | RaggedAttention, machine: MeshMachine, extents: tuple[Values, Values, Values], region: Region
) -> dict[str, MeshCost]:
    """Keys and values stay; sequences side by side, or in turn.

    The published kernels lay query heads side by side, each beside a copy of its KV head.  Where kernels need not be
    theirs, the query heads of a KV head may be its queries one after another.

    Args:
        operator: The attention.
        machine: A core and its links, in cycles.
        extents: Sequences, queries and attended positions of each.
        region: Rows and columns of cores.
    """
    batch, tokens, seen = extents
    heads, dim = float(operator.heads), float(operator.mean_dim)
    kv_width = float(operator.kv_heads * operator.kv_elements / 2)
    all_at_once, one = CachedHeads(heads * batch, dim, kv_width * batch, seen), CachedHeads(heads, dim, kv_width, seen)
    choices = {
        "resident": row_kernels.decode_attention(machine, tokens, all_at_once, region),
        "resident in turn": row_kernels.decode_attention(machine, tokens * batch, one, region),
    }
    each = operator.heads // operator.kv_heads
    if machine.slices_rows and each > 1:  # as queries of one KV head, which is then stored once
        shared = CachedHeads(heads / each * batch, dim, kv_width * batch, seen)
        choices["resident, heads in turn"] = row_kernels.decode_attention(machine, tokens * each, shared, region)
    return choices


def _many_queries(
    operator: Attention | RaggedAttention, machine: MeshMachine, extents: tuple[Values, Values, Values], region: Region
) -> dict[str, MeshCost]:
    """Keys shift past the queries; sequences side by side, or in turn."""
    batch, tokens, seen = extents
    heads, dim = float(operator.heads), float(operator.mean_dim)
    one = row_kernels.prefill_attention(machine, tokens, heads, dim, seen, region)
    return {
        "shift": row_kernels.prefill_attention(machine, tokens, heads * batch, dim, seen, region),
        "shift in turn": one.repeated(batch),
    }
