"""Cost model of TPU-like chips: few cores, each with systolic arrays, a vector unit and a software-managed memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from accelsim.cost.base import CostModel, Region, register_cost_model
from accelsim.cost.causes import FIXED_CYCLES
from accelsim.cost.cost import Cost, sum_costs
from accelsim.cost.operands import ProductBytes
from accelsim.cost.residual import residual_of
from accelsim.cost.systolic.attention import ArrayAttentionTimes, attention_times, ragged_attention_times
from accelsim.cost.systolic.gemm import gemm_times
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters
from accelsim.cost.systolic.rows import RowShapes, row_times
from accelsim.cost.work import Work, multiplied, outside_calibration, type_of
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.ragged_attention import RaggedAttention

_REDUCING_KINDS = frozenset({"norm", "softmax", "router"})


@register_cost_model("systolic")
class SystolicCost(CostModel):
    """Prices operators as compiled modules of their own: one launch each.

    Products run on the arrays (:mod:`.gemm`), attention on arrays and vector unit (:mod:`.attention`; span after span
    where sequences differ), experts as the batched products they consist of, every other operator on the vector unit
    (:mod:`.rows`).  Not modelled: fusion of operators, operands kept on chip between them.
    """

    needs: ClassVar[tuple[str, ...]] = ("systolic",)
    fixed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "launch": ("systolic.launch", "systolic.second_core", "systolic.reduction_setup"),
        "step": ("systolic.step",),
    }
    needed_sections: ClassVar[tuple[str, ...]] = ("systolic",)
    unread: ClassVar[Mapping[str, str]] = {
        "voltage.*": "only the clocks of GPUs fall at the power limit",
        "launch": "the start of a module is calibrated: set chip.calibration.systolic.launch",
        "sram_bandwidth_per_core": "core memory is taken to keep up with the arrays",
        "memories.*.latency": "it is in the calibrated time of a step: set chip.calibration.systolic.step",
        "systolic.arrays_per_core": "the peak is chip.matrix_flops_per_cycle, whatever the number of arrays",
        "vector_flops_per_cycle.[!f]*": "the vector unit computes in fp32",
        "vector_flops_per_cycle.fp16": "the vector unit computes in fp32",
    }

    @classmethod
    def sections(cls) -> Mapping[str, type[Any]]:
        """The section ``systolic``."""
        return {"systolic": SystolicParameters}

    def __init__(self) -> None:
        self._last: tuple[Chip, SystolicParameters] | None = None

    def cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        """Cost of an operator on cores of the chip; see :class:`~accelsim.cost.base.CostModel`.

        Raises:
            ConfigError: The chip has no systolic array, no calibration, or does not run the operator's type.
            CapacityError: Not even the smallest tile fits a core.
        """
        cost = self._cost(operator, chip, region)
        residual = residual_of(chip, "systolic", is_outside=bool(cost.warnings))
        return replace(cost, warnings=chip.inherited("systolic") + cost.warnings, residual=residual)

    def _cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        parameters = self._parameters(chip)
        if region.num_cores > chip.num_cores:
            raise ConfigError(f"chip {chip.name}: region {region} exceeds its {chip.num_cores} cores")
        machine = SystolicMachine.of(chip, multiplied(operator, chip), region.num_cores, parameters)
        if isinstance(operator, Gemm):
            machine = replace(machine, product=ProductBytes.of(operator, chip))
            return _gemm_cost(operator, chip, machine, parameters)
        if isinstance(operator, Experts):
            return sum_costs([self._cost(part, chip, region) for part in operator.parts()])
        if isinstance(operator, Attention):
            times = attention_times(operator, machine, parameters)
            return _attention_cost(operator, times, chip, machine)
        if isinstance(operator, RaggedAttention):
            times = ragged_attention_times(operator, machine, parameters)
            return _attention_cost(operator, times, chip, machine)
        return _row_cost(operator, chip, machine, parameters)

    def _parameters(self, chip: Chip) -> SystolicParameters:
        """The chip's calibration; kept for the next operator, because parsing it takes longer than pricing one."""
        if self._last is None or self._last[0] is not chip:
            self._last = (chip, chip.calibrated("systolic", SystolicParameters))
        return self._last[1]


def _gemm_cost(operator: Gemm, chip: Chip, machine: SystolicMachine, parameters: SystolicParameters) -> Cost:
    m, n, k, batch = operator.m, operator.n, operator.k, operator.batch
    times = gemm_times(m, n, k, machine, parameters, batch)
    parts = {
        "compute": float(times.compute_s[0]),
        FIXED_CYCLES: float(times.fill_s[0]),
        "vector": float(times.vector_s[0]),
        chip.main_memory: float(times.hbm_s[0]),
        "step": float(times.step_s[0]),
        "launch": float(times.launch_s[0]),
    }
    detail: dict[str, float | str] = {
        "tile": f"{times.tile_m[0]:.0f}x{times.tile_n[0]:.0f}x{times.tile_k[0]:.0f}",
        "cores": float(times.cores[0]),
    }
    work = Work(float(times.hbm_bytes[0]), float(times.sram_bytes[0]), operator.flops)
    return work.cost(parts, chip, outside_calibration("systolic", operator.dtype, parameters, (m, n, k)), detail)


def _attention_cost(operator: Operator, times: ArrayAttentionTimes, chip: Chip, machine: SystolicMachine) -> Cost:
    busy = {"compute": times.compute_s, "vector": times.vector_s, chip.main_memory: times.hbm_s}
    longest = max(busy, key=lambda cause: busy[cause])  # the others are hidden under it
    fill_s = times.fill_s if longest == "compute" else 0.0
    parts = {longest: busy[longest] - fill_s, FIXED_CYCLES: fill_s, "launch": times.launch_s}
    text = "attention on systolic arrays is assumed, not calibrated: no measurement is public"
    warnings = (warn("assumed-calibration", text),)
    work = Work(times.hbm_bytes, times.sram_bytes, operator.flops, times.vector_s * machine.vector_ops_per_s)
    return work.cost(parts, chip, warnings, {"cores": float(times.cores)})


def _row_cost(operator: Operator, chip: Chip, machine: SystolicMachine, parameters: SystolicParameters) -> Cost:
    rows = operator.outputs[0].num_elements // operator.outputs[0].axes[-1].size
    moved = operator.reads + operator.writes
    reduces = operator.kind in _REDUCING_KINDS
    elements = moved / machine.element_bytes
    times = row_times(RowShapes(rows, elements, moved, operator.flops, reduces), machine, parameters)
    parts = {"vector": float(times.vector_s[0]), chip.main_memory: float(times.hbm_s[0])}
    parts["launch"] = float(times.launch_s[0])
    work = Work(float(moved), 2.0 * moved, vector_flops=times.vector_s[0] * machine.vector_ops_per_s)
    return work.cost(parts, chip, outside_calibration("systolic", type_of(operator), parameters))
