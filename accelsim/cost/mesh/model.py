"""The cost model of wafer-scale machines: one operator spans a rectangle of cores, weights stay where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import singledispatch
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.base import CostModel, Region, register_cost_model
from accelsim.cost.causes import FIXED_CYCLES
from accelsim.cost.columns import CostColumns
from accelsim.cost.cost import Cost, sum_costs
from accelsim.cost.elementwise import Values
from accelsim.cost.mesh import rows as row_kernels
from accelsim.cost.mesh.attention import attention_choices, ragged_attention
from accelsim.cost.mesh.kernels import mesh_gemv, shift_gemm
from accelsim.cost.mesh.machine import MeshCost, MeshMachine, MeshParameters
from accelsim.cost.mesh.series import attention_columns
from accelsim.cost.operands import ProductBytes
from accelsim.cost.residual import ASSUMED, FITTED_ON_RUNS, TYPICAL_DEVIATION, Residual, residual_of
from accelsim.cost.tiles import cost_on_tiles
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.optical.array import OPTICAL_NOC, LightArray, light_for_sums
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.concat import Concat
from accelsim.workload.operators.dispatch import Dispatch
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.router import Combine, Router
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.steps import OperatorSeries

_SLICED = " sliced"
_PREDICTED = (
    "few rows are worked on in slices of their width by all rows of cores, which no measured kernel does; "
    "kernels=measured repeats them on every row of cores, as the published kernels do"
)
#: Rows and columns of stations have lasers of their own, and operators alternate between the two.
_AXES = 2
_BY_LIGHT = "sums and gathers travel over waveguides where that is faster; no array with such a layer was measured"
#: Causes of time, and the part of the cost that each is.
CAUSES = {"compute": "compute", FIXED_CYCLES: "fixed", "sram": "sram", "noc": "noc", "launch": "launch"}
_ROPE_PASSES = 3.0  # four products and two sums per pair of elements
_EXPENSIVE = {"gelu": 2.0, "gelu_mul": 2.0, "silu": 2.0, "silu_mul": 2.0}  # an exponential and a reciprocal each
_PASSES = {"gelu": 5.0, "gelu_mul": 6.0, "silu_mul": 1.0, "relu_mul": 2.0, "copy": 1.0}  # others: one per operand pair


@register_cost_model("mesh")
class MeshCostModel(CostModel):
    """Whole-grid execution in the manner of WaferLLM: shift products in prefill, resident products and trees in decode.

    A product runs either way; the faster one whose tiles fit a core's SRAM wins, which is the resident product when
    there are few rows.  ``noc`` in ``traffic_bytes`` is bytes times hops, summed over all links; ``sram`` is bytes read
    and written by all cores.  In ``parts_s``, ``launch`` holds the fixed cost of phases and shift steps,
    ``fixed cycles`` the starts of vector instructions and the stages of trees, ``noc`` the words and hops that no
    arithmetic hides, ``sram`` what the ports add to the arithmetic.  Attention over sequences
    that differ runs batch after batch on all cores, padded where that is quicker (:mod:`accelsim.cost.ragged`).

    Not modelled: ``chip.launch_s`` (the phases' fixed cost is calibrated), overlap between two operators, weights that
    must first be brought to the region.  That the model's weights and KV cache fit is checked by the mapping; here an
    operator whose own tiles exceed one core's SRAM gets a warning.
    """

    whole_run: ClassVar[Residual] = FITTED_ON_RUNS
    reads_cache_as_queries: ClassVar[bool] = True
    unread: ClassVar[Mapping[str, str]] = {
        "voltage.*": "only the clocks of GPUs fall at the power limit",
        "launch": "fixed costs are calibrated: set chip.calibration.mesh.phase_cycles",
        "vector_flops_per_cycle.*": "all arithmetic runs at the matrix rate",
        "vector_energy": "all arithmetic costs the matrix energy",
    }
    needs: ClassVar[tuple[str, ...]] = ("noc",)
    fixed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "launch": ("mesh.phase_cycles", "mesh.shift_step_cycles"),
        FIXED_CYCLES: ("mesh.vector_start_cycles", "mesh.stage_cycles"),
    }
    needed_sections: ClassVar[tuple[str, ...]] = ("mesh",)

    @classmethod
    def sections(cls) -> Mapping[str, type[Any]]:
        """The section ``mesh``."""
        return {"mesh": MeshParameters}

    def cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        """Cost of the fastest way to run an operator on cores; see :class:`~accelsim.cost.base.CostModel`.

        Raises:
            ConfigError: The chip has no ``noc``, no ``mesh`` calibration or no rate for the operator's element type,
                or the model does not know the operator.
        """
        if isinstance(operator, Experts):
            return sum_costs([self._of_experts(part, chip, region) for part in operator.parts()])
        machine, warnings = mesh_machine(chip, _dtype_of(operator))
        if isinstance(operator, Gemm):
            sizes = ProductBytes.of(operator, chip)
            machine = replace(machine, element_bytes=sizes.result, product=sizes)
        cores = float(region.rows), float(region.cols)
        choices = _choices(operator, machine, cores)
        if region.kernels == "best" and not isinstance(operator, Gemm):  # products slice no rows
            choices |= _sliced(operator, machine, cores, choices)
        fitting = {name: cost for name, cost in choices.items() if cost.tile_bytes <= machine.sram_bytes}
        algorithm, cost = min((fitting or choices).items(), key=lambda choice: float(choice[1].cycles))
        if not fitting:
            warnings += (_too_large(operator, cost, machine, region),)
        warnings += _outside_range(chip, region, machine.parameters)
        is_outside = len(warnings) > len(chip.inherited("mesh"))
        residual = residual_of(chip, "mesh", is_outside=is_outside)
        if algorithm.endswith(_SLICED):
            residual = Residual("mesh", TYPICAL_DEVIATION, ASSUMED)
            warnings += (warn("predicted-kernels", _PREDICTED),)
        parts_s = {cause: float(getattr(cost, part)) / machine.clock_hz for cause, part in CAUSES.items()}
        if cost.optical_bytes > 0:
            parts_s[OPTICAL_NOC] = float(cost.optical_noc) / machine.clock_hz
            residual = Residual("mesh", TYPICAL_DEVIATION, ASSUMED)
            warnings += (warn("predicted-kernels", _BY_LIGHT),)
        return replace(
            _with_light(cost_on_tiles(operator, chip, cost, parts_s), cost, machine.light),
            warnings=warnings,
            residual=residual,
            detail={"algorithm": algorithm, "region": str(region)},
        )

    def series(self, operators: OperatorSeries, chip: Chip, region: Region) -> CostColumns | None:
        """Costs of attention in every step of a decode, in few calls; None for other operators, kernels and light.

        Args:
            operators: The operator in each step.
            chip: The chip.
            region: The cores.

        Raises:
            ConfigError: As :meth:`cost`.
        """
        first = operators.first
        if type(first) is not Attention or first.q_len > 1 or region.kernels == "best":
            return None
        machine, _ = mesh_machine(chip, _dtype_of(first))
        if machine.light is not None:
            return None
        cores = float(region.rows), float(region.cols)
        found = attention_columns(operators, machine, chip, cores, CAUSES)
        # Both ends are priced by the definition too: whatever it knows and these columns do not would show there.
        ends = [(found.at(step), self.cost(operators.at(step), chip, region)) for step in (0, operators.count - 1)]
        figures = [[(c.work_s, c.traffic_bytes, c.parts_s, c.energy_j) for c in pair] for pair in ends]
        return found if all(columns == alone for columns, alone in figures) else None

    def _of_experts(self, part: Operator, chip: Chip, region: Region) -> Cost:
        """A product of every busy expert: side by side, or one expert after another on all cores."""
        side_by_side = self.cost(part, chip, region)
        if not isinstance(part, Gemm) or part.batch == 1:
            return side_by_side
        one = self.cost(part.shard({"experts": part.batch}), chip, region)
        return min(side_by_side, sum_costs([one] * part.batch), key=lambda cost: cost.work_s)


def mesh_machine(chip: Chip, dtype: DType) -> tuple[MeshMachine, tuple[str, ...]]:
    """The chip in units of a cycle for one element type, and what to warn about.

    Args:
        chip: The chip with its calibration.
        dtype: What the cores multiply.

    Raises:
        ConfigError: The chip has no ``noc``, no ``mesh`` calibration, or no rate for a type of that width.
    """
    if chip.noc is None:
        raise ConfigError(f"chip {chip.name}: the mesh cost model needs its on-chip network. Add noc: to its file.")
    warnings = chip.inherited("mesh")
    rates = chip.matrix_flops_per_cycle
    if dtype not in rates:
        alike = next((other for other in rates if other.bits == dtype.bits), None)
        if alike is None:
            known = ", ".join(sorted(d.value for d in rates))
            raise ConfigError(f"chip {chip.name}: no matrix rate for {dtype.value}. Use one of: {known}.")
        text = f"chip {chip.name} has no rate for {dtype.value}; priced as {alike.value}"
        warnings += (warn("dtype-without-rate", text),)
        rates = {**rates, dtype: rates[alike]}
    machine = MeshMachine(
        clock_hz=chip.clock_hz,
        lanes=rates[dtype] / 2,
        element_bytes=dtype.bits / 8,
        product=ProductBytes.even(dtype.bits / 8),
        sram_bytes=chip.sram_per_core_bytes,
        sram_bytes_per_cycle=chip.sram_bandwidth_per_core_bytes_per_s / chip.clock_hz,
        link_bytes_per_cycle=chip.noc.link_bandwidth_bytes_per_s / chip.clock_hz,
        hop_cycles=chip.noc.hop_latency_s * chip.clock_hz,
        parameters=chip.calibrated("mesh", MeshParameters),
        light=light_for_sums(chip),
    )
    return machine, warnings


def _with_light(cost: Cost, moved: MeshCost, light: LightArray | None) -> Cost:
    """The cost with what travels over light; that of the mesh alone where nothing does."""
    nbytes = float(moved.optical_bytes)
    if light is None or not nbytes:
        return cost
    return replace(
        cost,
        traffic_bytes={**cost.traffic_bytes, OPTICAL_NOC: nbytes},
        energy_j=cost.energy_j + nbytes * light.link.dynamic_j_per_byte,
        light_w=_AXES * float(moved.light_w),
    )


def gemm_choices(
    machine: MeshMachine, m: Values, k: Values, n: Values, batch: Values, region: tuple[Values, Values]
) -> dict[str, MeshCost]:
    """Every way to run ``batch`` products of m x k by k x n, by name.

    Independent products lie side by side on groups of cores along the contracted axis (heads of a score product) or
    along the result's columns (heads of a value product); both are offered.

    Args:
        machine: A core and its links, in cycles.
        m: Rows of the left operand.
        k: What is summed over.
        n: Columns of the right operand.
        batch: Independent products.
        region: Rows and columns of cores, as arrays.
    """
    rows, cols = region
    side_by_side = {" by k": (m, k * batch, n), " by n": (m, k, n * batch)}
    sides = {"": (m, k, n)} if float(np.max(batch)) == 1 else side_by_side
    choices: dict[str, MeshCost] = {}
    for side, (rows_m, inner, cols_n) in sides.items():
        choices[f"resident{side}"] = mesh_gemv(machine, rows_m, inner, cols_n, region)
        choices[f"resident turned{side}"] = mesh_gemv(machine, rows_m, inner, cols_n, (cols, rows))
        choices[f"shift{side}"] = shift_gemm(machine, rows_m, inner, cols_n, region)
    return choices


def _sliced(
    operator: Operator, machine: MeshMachine, region: tuple[Values, Values], choices: Mapping[str, MeshCost]
) -> dict[str, MeshCost]:
    """The choices that are faster where rows may be sliced, and those that there are only then."""
    others = _choices(operator, replace(machine, slices_rows=True), region)
    return {
        name + _SLICED: cost
        for name, cost in others.items()
        if name not in choices or cost.cycles < choices[name].cycles
    }


@singledispatch
def _choices(operator: Operator, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    raise ConfigError(f"{operator.name}: the mesh cost model does not price {operator.kind!r}.")


@_choices.register
def _(operator: Gemm, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    m, k, n, batch = (float(x) for x in (operator.m, operator.k, operator.n, operator.batch))
    return gemm_choices(machine, m, k, n, batch, region)


@_choices.register
def _(operator: Attention, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    return attention_choices(operator, machine, region)


@_choices.register
def _(operator: RaggedAttention, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    return {"batch after batch": ragged_attention(operator, machine, region)}


@_choices.register
def _(operator: Norm, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    rows, width = float(operator.rows), float(operator.width)
    sums = 2 if operator.flavour == "layernorm" else 1
    return {"rows": row_kernels.norm(machine, rows, width, region, sums)}


@_choices.register
def _(operator: Softmax, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    rows, width = float(operator.rows), float(operator.width)
    return {"rows": row_kernels.softmax(machine, rows, width, region)}


@_choices.register
def _(operator: Elementwise, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    rows, width = float(operator.rows), float(operator.width)
    passes = _PASSES.get(operator.function, float(max(1, operator.num_inputs - 1)))
    functions = _EXPENSIVE.get(operator.function, 0.0)
    return {"local": row_kernels.elementwise(machine, rows, width, region, passes, functions)}


@_choices.register
def _(operator: Rope, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    rows, width = float(operator.rows), float(operator.width)
    return {"local": row_kernels.elementwise(machine, rows, width, region, _ROPE_PASSES, 0.0)}


@_choices.register
def _(operator: Router, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    rows, width = float(operator.rows), float(operator.width)
    return {"rows": row_kernels.softmax(machine, rows, width, region)}


@_choices.register(Combine)
@_choices.register(Concat)
@_choices.register(Dispatch)
def _(
    operator: Combine | Concat | Dispatch, machine: MeshMachine, region: tuple[Values, Values]
) -> dict[str, MeshCost]:
    width = float(operator.width)
    rows = float(max(operator.rows, operator.elements_read // operator.width))
    return {"local": row_kernels.elementwise(machine, rows, width, region, 1.0, 0.0)}


@_choices.register
def _(operator: Embedding, machine: MeshMachine, region: tuple[Values, Values]) -> dict[str, MeshCost]:
    rows, width = float(operator.rows), float(operator.width)
    return {"gather": row_kernels.embedding(machine, rows, width, region)}


def _dtype_of(operator: Operator) -> DType:
    dtype = getattr(operator, "dtype", None)
    return dtype if isinstance(dtype, DType) else operator.outputs[0].dtype


def _too_large(operator: Operator, cost: MeshCost, machine: MeshMachine, region: Region) -> str:
    needed, there = format_quantity(float(cost.tile_bytes), "bytes"), format_quantity(machine.sram_bytes, "bytes")
    return warn(
        "exceeds-sram",
        f"{operator.name}: tiles of {needed} per core on {region} cores, double buffers included, exceed its {there} "
        "of SRAM; time is as if they fitted",
    )


def _outside_range(chip: Chip, region: Region, parameters: MeshParameters) -> tuple[str, ...]:
    small, large = parameters.min_side, parameters.max_side
    if small <= min(region.rows, region.cols) and max(region.rows, region.cols) <= large:
        return ()
    text = (
        f"chip {chip.name}: a region is outside the calibrated range of the mesh cost model "
        f"({small}x{small} to {large}x{large} cores)"
    )
    return (warn("outside-calibration", text),)
