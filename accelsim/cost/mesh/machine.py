"""What the mesh kernels need to know of a wafer: datasheet figures per core and cycle, and the calibrated costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.cost.elementwise import Values, ceil, maximum
from accelsim.cost.operands import ProductBytes
from accelsim.hardware.optical.array import LightArray


@dataclass(frozen=True, slots=True)
class MeshParameters:
    """Costs in core cycles that no datasheet gives; the same for every model, operator and region.

    Attributes:
        vector_start_cycles: From issuing a vector instruction to its first result: the depth of a core's pipeline.
        function_cycles: One exponential, reciprocal or square root of one element, in software.
        stage_cycles: One core of a reduction tree takes in, adds and passes on a vector's first word.
        phase_cycles: Start of a phase in which all cores take part (a product, a reduction, an elementwise loop).
        shift_step_cycles: One step of a shift product beyond its arithmetic and its words (four descriptors to
            load, four completions to wait for, skew between neighbours).
        min_side: Smallest side of a region in the measurements behind the calibration, in cores.
        max_side: Largest such side.
    """

    vector_start_cycles: float
    function_cycles: float
    stage_cycles: float
    phase_cycles: float
    shift_step_cycles: float
    min_side: int = 1
    max_side: int = 1_000_000


@dataclass(frozen=True, slots=True)
class MeshMachine:
    """One core and its links, in units of a cycle, for one element type.

    Attributes:
        clock_hz: Cycles per second.
        lanes: Multiply-accumulates per cycle in one vector instruction.
        element_bytes: Bytes of one element of a result or a partial sum.
        product: Bytes of one element of each matrix of a product.
        sram_bytes: SRAM of one core.
        sram_bytes_per_cycle: Bytes its ports move in a cycle, reads and writes together.
        link_bytes_per_cycle: Bytes one link, or a core's ramp into the network, moves in a cycle and direction.
        hop_cycles: From router to router.
        parameters: Calibrated costs.
        slices_rows: Whether a row that all rows of cores hold may be worked on in slices, one per row of cores.
        light: Stations over which sums and gathers may travel; None keeps them on the mesh.
    """

    clock_hz: float
    lanes: float
    element_bytes: float
    product: ProductBytes
    sram_bytes: float
    sram_bytes_per_cycle: float
    link_bytes_per_cycle: float
    hop_cycles: float
    parameters: MeshParameters
    slices_rows: bool = False
    light: LightArray | None = None

    def words(self, elements: Values, element_bytes: float | None = None) -> Values:
        """Cycles a link needs for a message of ``elements`` elements, by default of results.

        Args:
            elements: Length of the message, an array.
            element_bytes: Bytes of an element; None: those of a result.
        """
        size = self.element_bytes if element_bytes is None else element_bytes
        return ceil(elements * size / self.link_bytes_per_cycle)


#: What of a cost holds at any time and does not add up.
_AT_ONCE = ("tile_bytes", "light_w")


@dataclass(frozen=True, init=False)
class MeshCost:
    """Time by cause and bytes by level, elementwise over arrays of shapes; ``+`` runs one after another.

    Attributes:
        compute: Cycles of arithmetic.
        fixed: Cycles that are there whatever the sizes: starts of vector instructions, stages of trees.
        sram: Cycles the SRAM ports add to the arithmetic.
        noc: Cycles of words and hops that no arithmetic hides.
        launch: Cycles of the starts of phases and shift steps.
        optical_noc: Cycles of light between stations, and of words into and out of them.
        sram_bytes: Bytes read and written in the SRAM of all cores.
        noc_bytes: Bytes times hops they travel, over all links.
        tile_bytes: SRAM one core must hold at once, double buffers included.
        optical_bytes: Bytes that stations read from the light.
        light_w: Power of the lasers and rings that must be on for it.
    """

    compute: Values
    fixed: Values
    sram: Values
    noc: Values
    launch: Values
    optical_noc: Values
    sram_bytes: Values
    noc_bytes: Values
    tile_bytes: Values
    optical_bytes: Values
    light_w: Values

    def __init__(
        self,
        compute: Values = 0.0,
        fixed: Values = 0.0,
        sram: Values = 0.0,
        noc: Values = 0.0,
        launch: Values = 0.0,
        optical_noc: Values = 0.0,
        sram_bytes: Values = 0.0,
        noc_bytes: Values = 0.0,
        tile_bytes: Values = 0.0,
        optical_bytes: Values = 0.0,
        light_w: Values = 0.0,
    ) -> None:
        mine = self.__dict__  # a search makes a million of these: attribute by attribute takes three times as long
        mine["compute"] = compute
        mine["fixed"] = fixed
        mine["sram"] = sram
        mine["noc"] = noc
        mine["launch"] = launch
        mine["optical_noc"] = optical_noc
        mine["sram_bytes"] = sram_bytes
        mine["noc_bytes"] = noc_bytes
        mine["tile_bytes"] = tile_bytes
        mine["optical_bytes"] = optical_bytes
        mine["light_w"] = light_w

    @property
    def cycles(self) -> Values:
        """All causes together."""
        return self.compute + self.fixed + self.sram + self.noc + self.launch + self.optical_noc

    def __add__(self, other: MeshCost) -> MeshCost:
        return MeshCost(
            self.compute + other.compute,
            self.fixed + other.fixed,
            self.sram + other.sram,
            self.noc + other.noc,
            self.launch + other.launch,
            self.optical_noc + other.optical_noc,
            self.sram_bytes + other.sram_bytes,
            self.noc_bytes + other.noc_bytes,
            maximum(self.tile_bytes, other.tile_bytes),
            self.optical_bytes + other.optical_bytes,
            maximum(self.light_w, other.light_w),
        )

    def repeated(self, times: Values) -> MeshCost:
        """This cost ``times`` times in a row."""
        values = {one.name: getattr(self, one.name) for one in dataclasses.fields(MeshCost)}
        return MeshCost(**{name: value if name in _AT_ONCE else value * times for name, value in values.items()})


def fastest(costs: Sequence[MeshCost]) -> MeshCost:
    """The cost with the fewest cycles at each place; the earlier one on a tie."""
    best = costs[0]
    for other in costs[1:]:
        faster = other.cycles < best.cycles
        if isinstance(faster, bool):
            best = other if faster else best
            continue
        best = MeshCost(
            *(
                np.where(faster, getattr(other, one.name), getattr(best, one.name))
                for one in dataclasses.fields(MeshCost)
            )
        )
    return best


def vector_cycles(machine: MeshMachine, elements: Values, operands: float = 3.0) -> tuple[Values, Values]:
    """Cycles of one vector instruction over ``elements`` beside its start: (its lanes, what the SRAM ports add).

    Args:
        machine: The core.
        elements: Length of the vector.
        operands: Memory operands, read or written, per element (a multiply-accumulate has 3).
    """
    lanes = ceil(elements / machine.lanes)
    ports = elements * operands * machine.element_bytes / machine.sram_bytes_per_cycle
    return lanes, maximum(ports - lanes, 0.0)
