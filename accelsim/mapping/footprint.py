"""What one chip must hold: weights, KV cache and live activations against its memory.

Weights and KV cache are resident for the whole run.  Activations are the largest set of tensors alive at once
inside one block (a tensor lives from its producer to its last consumer), and beside it what blocks further on read
through ports: such a tensor lives from the segment that writes it to the end of the last that reads it.  Not modelled:
allocator fragmentation, framework workspace, CUDA context (docs/assumptions.md#footprint).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from accelsim.hardware.chip import Chip
from accelsim.units import format_quantity
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.tensor import Role


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of cores that a model fills one after another.

    Attributes:
        cores: Rows and columns of each, e.g. ``"360x360"``.
        used: How many its blocks fill.
        available: How many the chip has cores for.
        each_bytes: SRAM of one.
    """

    cores: str
    used: int
    available: int
    each_bytes: float

    def __str__(self) -> str:
        each = format_quantity(self.each_bytes, "bytes")
        return f"in {self.used} of {self.available} regions of {self.cores} cores, {each} each"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes one chip must hold at the fullest moment.

    Attributes:
        memory: The memory that holds them, e.g. ``"hbm"`` or ``"sram"``.
        capacity_bytes: What that memory has.
        role_bytes: Bytes by tensor role: ``weight``, ``kv_cache``, ``activation``.
        behind: What the memories behind it hold, where something lies there.
        regions: What of the chip it fills, where that is divided into regions.
    """

    memory: str
    capacity_bytes: float
    role_bytes: Mapping[str, int]
    behind: tuple[Footprint, ...] = ()
    regions: Regions | None = None

    @property
    def total_bytes(self) -> int:
        """Bytes needed."""
        return sum(self.role_bytes.values())

    @property
    def short_bytes(self) -> float:
        """Bytes missing; 0 if it fits."""
        return max(0, self.total_bytes - self.capacity_bytes)

    def __str__(self) -> str:
        parts = ", ".join(f"{role} {format_quantity(n, 'bytes')}" for role, n in self.role_bytes.items() if n)
        total, capacity = format_quantity(self.total_bytes, "bytes"), format_quantity(self.capacity_bytes, "bytes")
        return f"{total} of {capacity} {self.memory} ({parts})"


def footprint(workload: Workload, chip: Chip) -> Footprint:
    """Footprint of one rank's share of the pass that holds most (the last decode step).

    Args:
        workload: One rank's share of the last pass.
        chip: The chip that must hold it, by its main memory.
    """
    return Footprint(
        memory=chip.main_memory,
        capacity_bytes=chip.main_memory_bytes,
        role_bytes={
            Role.WEIGHT.value: workload.weight_bytes,
            Role.KV_CACHE.value: sum(s.repeat * kv_cache_bytes(s.graph) for s in workload.segments),
            Role.ACTIVATION.value: max(activation_peaks(workload)),
        },
    )


def kv_cache_bytes(graph: OperatorGraph) -> int:
    """Bytes of the KV cache of one block: every cached tensor with a ``kv_len`` axis, once."""
    return sum(tensor.held_bytes for tensor in graph.stored_positions)


def activation_peaks(workload: Workload) -> tuple[int, ...]:
    """For each segment, most bytes of activations alive at once while one of its copies runs.

    A result that goes on along the chain and through a port is counted for both.
    """
    held: list[dict[tuple[int | None, str], int]] = [{} for _ in workload.segments]
    elsewhere: list[set[str]] = [set() for _ in workload.segments]
    for wire in workload.wires:
        key = wire.source, f"{wire.reader} {wire.tensor.name}" if wire.result is None else wire.result.name
        elsewhere[wire.reader].add(wire.tensor.name)
        for at in range(0 if wire.source is None else wire.source + 1, wire.reader + 1):
            held[at][key] = wire.tensor.size_bytes
    carried = sum(tensor.size_bytes for tensor in workload.carried)
    return tuple(
        carried + sum(held[at].values()) + peak_activation_bytes(segment.graph, workload.exported(at), elsewhere[at])
        for at, segment in enumerate(workload.segments)
    )


def peak_activation_bytes(graph: OperatorGraph, kept: Set[str] = frozenset(), elsewhere: Set[str] = frozenset()) -> int:
    """Largest sum of activations alive at once while the operators run in order.

    Args:
        graph: One block.
        kept: Names of tensors that stay alive to its end, because others read them too.
        elsewhere: Names of tensors that are not counted here.
    """
    last_use = {t.name: i for i, op in enumerate(graph) for t in (*op.inputs, *op.outputs)}
    last_use |= dict.fromkeys(kept, len(graph))
    alive: dict[str, int] = {}
    now = peak = 0
    for i, operator in enumerate(graph):
        met = (*operator.inputs, *operator.outputs)
        tensors = [tensor for tensor in met if tensor.role is Role.ACTIVATION and tensor.name not in elsewhere]
        for tensor in tensors:
            now += tensor.size_bytes - alive.get(tensor.name, 0)
            alive[tensor.name] = tensor.size_bytes
        peak = max(peak, now)
        for tensor in tensors:
            if last_use[tensor.name] == i:
                now -= alive.pop(tensor.name, 0)
    return peak
