"""SRAM of a chip whose weights stream in: two blocks of them at a time, beside KV cache and activations."""

from __future__ import annotations

import itertools

from accelsim.errors import CapacityError
from accelsim.hardware.system import System
from accelsim.mapping.footprint import Footprint, activation_peaks, kv_cache_bytes
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.tensor import Role

#: Blocks whose weights are on the chip at once: the one that computes and the one that comes in.
BUFFERED_BLOCKS = 2


def streaming_footprint(workload: Workload, system: System, ignore_capacity: bool) -> tuple[Footprint, tuple[str, ...]]:
    """SRAM with the weights of two blocks at a time, and warnings.

    Args:
        workload: Operators of the last pass.
        system: The chip whose main memory has to hold it.
        ignore_capacity: Warn where it does not fit.

    Raises:
        CapacityError: It does not fit and ``ignore_capacity`` is off.
    """
    chip = system.chip
    sizes = [
        sum(tensor.size_bytes for tensor in segment.graph.weights)
        for segment in workload.segments
        for _ in range(min(segment.repeat, BUFFERED_BLOCKS))
    ]
    buffered = max((a + b for a, b in itertools.pairwise(sizes)), default=sum(sizes))
    need = Footprint(
        memory=chip.main_memory,
        capacity_bytes=chip.main_memory_bytes,
        role_bytes={
            Role.WEIGHT.value: buffered,
            Role.KV_CACHE.value: sum(s.repeat * kv_cache_bytes(s.graph) for s in workload.segments),
            Role.ACTIVATION.value: max(activation_peaks(workload)),
        },
    )
    if not need.short_bytes:
        return need, ()
    problem = (
        f"{workload.name} on {chip.name} with weight streaming needs {need}, two blocks of weights at a time: "
        f"{format_quantity(need.short_bytes, 'bytes')} short."
    )
    if ignore_capacity:
        return need, (warn("capacity-ignored", problem),)
    raise CapacityError(problem, need.short_bytes)
