"""Derived figures of a run, each with the definition that is printed beside it."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip

MFU_DEFINITION = "model FLOPs / (latency x dense peak of all chips)"
HFU_DEFINITION = "executed FLOPs, what is computed again included / (latency x dense peak of all chips)"
MBU_DEFINITION = "weights and KV cache / (latency x memory peak of all chips)"
BUBBLE_DEFINITION = "time in which a stage plays no cell / latency, mean of the stages"
THROUGHPUT_DEFINITION = "tokens of all sequences / latency"


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Utilisation of the machine against its published peaks.

    Attributes:
        mfu_fraction: Model FLOPs utilisation, see :data:`MFU_DEFINITION`.
        mbu_fraction: Memory-bandwidth utilisation, see :data:`MBU_DEFINITION`; None for a chip whose main memory is
            the SRAM of its cores, where the figure says nothing.
    """

    mfu_fraction: float
    mbu_fraction: float | None


def utilisation(
    chip: Chip, num_chips: int, dtype: DType, latency_s: float, model_flops: float, must_read_bytes: float
) -> Utilisation:
    """MFU and MBU of ``num_chips`` chips that took ``latency_s``.

    Args:
        chip: The chip whose published peaks count.
        num_chips: Chips of the plan.
        dtype: Element type whose matrix peak counts.
        latency_s: Duration of the run.
        model_flops: FLOPs of the unsharded model, all passes.
        must_read_bytes: Weights and KV cache read, all passes and replicas.
    """
    mfu = model_flops / (latency_s * chip.peak_flops_per_s(dtype) * num_chips)
    memory = chip.memories.get(chip.main_memory)
    if memory is None:
        return Utilisation(mfu, None)
    return Utilisation(mfu, must_read_bytes / (latency_s * memory.bandwidth_bytes_per_s * num_chips))
