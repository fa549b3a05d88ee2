"""Flash-like attention on systolic arrays and the vector unit; assumed, no measurement is public.

Modelled: per KV head, blocks of query rows (heads of a group packed) that fit the core's memory; both products on the
arrays with the extents padded to lanes, softmax on the vector unit beside them, keys and values re-read per block; the
longest of arrays, vector unit and memory decides, because the next block's copies and products overlap this block's
softmax.  Not modelled: masked pairs inside a diagonal block (exact pairs count).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.cost.ragged import Batches
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters
from accelsim.cost.work import SOFTMAX_OPS_PER_PAIR
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.ragged_attention import RaggedAttention


@dataclass(frozen=True, slots=True)
class ArrayAttentionTimes:
    """Seconds of one attention by resource, and its traffic.

    Attributes:
        compute_s: Arrays busy.
        fill_s: Of that, with lanes that idle.
        vector_s: Vector unit busy.
        hbm_s: Memory busy.
        launch_s: Fixed time of the module.
        hbm_bytes: Bytes moved between the memory and the cores.
        sram_bytes: Bytes moved within the cores.
        cores: Cores it is divided over.
    """

    compute_s: float
    fill_s: float
    vector_s: float
    hbm_s: float
    launch_s: float
    hbm_bytes: float
    sram_bytes: float
    cores: int

    @property
    def total_s(self) -> float:
        """Duration run alone."""
        return max(self.compute_s, self.vector_s, self.hbm_s) + self.launch_s


def attention_times(
    operator: Attention, machine: SystolicMachine, parameters: SystolicParameters
) -> ArrayAttentionTimes:
    """Times of ``operator`` on one core or on all, whichever is faster; cores take whole KV heads of sequences.

    Args:
        operator: Attention of sequences that are alike.
        machine: Arrays, vector unit and memory of a core.
        parameters: The calibrated numbers.
    """
    options = [_on(cores, operator, machine, parameters) for cores in sorted({1, machine.num_cores})]
    return min(options, key=lambda option: option.total_s)


def ragged_attention_times(
    operator: RaggedAttention, machine: SystolicMachine, parameters: SystolicParameters
) -> ArrayAttentionTimes:
    """Times of sequences that differ: one module, in which batches follow each other, each on one core or on all.

    Args:
        operator: Attention of sequences that differ.
        machine: Arrays, vector unit and memory of a core.
        parameters: The calibrated numbers.
    """
    batches = Batches.of(operator)
    extents = zip(batches.counts, batches.new, batches.lengths, strict=True)
    alike = [operator.alike(*(int(extent) for extent in one)) for one in extents]
    tried = [attention_times(one, machine, parameters) for one in alike]
    seconds = np.array([one.total_s - one.launch_s for one in tried])
    times = [tried[index] for index in batches.chosen(seconds, np.ones(len(tried), dtype=np.bool_))]
    return ArrayAttentionTimes(
        compute_s=sum(one.compute_s for one in times),
        fill_s=sum(one.fill_s for one in times),
        vector_s=sum(one.vector_s for one in times),
        hbm_s=sum(one.hbm_s for one in times),
        launch_s=max(one.launch_s for one in times),
        hbm_bytes=sum(one.hbm_bytes for one in times),
        sram_bytes=sum(one.sram_bytes for one in times),
        cores=max(one.cores for one in times),
    )


def _on(
    cores: int, operator: Attention, machine: SystolicMachine, parameters: SystolicParameters
) -> ArrayAttentionTimes:
    units = operator.batch * operator.kv_heads
    share = -(-units // cores) / units  # of the core that has most
    pairs = operator.attended_pairs * operator.batch * operator.heads
    rows = operator.q_len * operator.heads // operator.kv_heads
    keys = operator.attended_pairs / operator.q_len
    head, value = (machine.array.width(extent) for extent in (operator.head_dim, operator.value_dim))
    macs = units * float(machine.array.macs(rows, keys, head) + machine.array.macs(rows, value, keys))
    reached = parameters.matrix_efficiency if machine.is_converted else parameters.native_matrix_efficiency
    moved = operator.traffic_bytes(int(machine.sram_bytes) // 2)
    elements = moved / machine.element_bytes
    softmax_s = pairs * max(1.0, machine.sublanes / rows) * SOFTMAX_OPS_PER_PAIR / machine.vector_ops_per_s
    compute_s = share * macs / (machine.macs_per_s * reached)
    return ArrayAttentionTimes(
        compute_s=compute_s,
        fill_s=compute_s * (1 - pairs * (operator.head_dim + operator.value_dim) / macs),
        vector_s=share * (softmax_s + elements * machine.conversion_s(parameters)),
        hbm_s=share * moved / machine.core_bytes_per_s(cores, parameters),
        launch_s=parameters.launch_s + parameters.step_s + (parameters.second_core_s if cores > 1 else 0.0),
        hbm_bytes=moved,
        sram_bytes=2 * moved + 2 * pairs * machine.element_bytes,
        cores=cores,
    )
