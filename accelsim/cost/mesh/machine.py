"""What the mesh kernels need to know of a wafer: datasheet figures per core and cycle, and the calibrated costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.operands import ProductBytes
from accelsim.hardware.optical.array import LightArray

Array: TypeAlias = NDArray[np.float64]


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

    def words(self, elements: Array, element_bytes: float | None = None) -> Array:
        """Cycles a link needs for a message of ``elements`` elements, by default of results.

        Args:
            elements: Length of the message, an array.
            element_bytes: Bytes of an element; None: those of a result.
        """
        size = self.element_bytes if element_bytes is None else element_bytes
        return np.ceil(elements * size / self.link_bytes_per_cycle)


#: What of a cost holds at any time and does not add up.
_AT_ONCE = ("tile_bytes", "light_w")


@dataclass(frozen=True)
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

    compute: Array = field(default_factory=lambda: np.zeros(()))
    fixed: Array = field(default_factory=lambda: np.zeros(()))
    sram: Array = field(default_factory=lambda: np.zeros(()))
    noc: Array = field(default_factory=lambda: np.zeros(()))
    launch: Array = field(default_factory=lambda: np.zeros(()))
    optical_noc: Array = field(default_factory=lambda: np.zeros(()))
    sram_bytes: Array = field(default_factory=lambda: np.zeros(()))
    noc_bytes: Array = field(default_factory=lambda: np.zeros(()))
    tile_bytes: Array = field(default_factory=lambda: np.zeros(()))
    optical_bytes: Array = field(default_factory=lambda: np.zeros(()))
    light_w: Array = field(default_factory=lambda: np.zeros(()))

    @property
    def cycles(self) -> Array:
        """All causes together."""
        return self.compute + self.fixed + self.sram + self.noc + self.launch + self.optical_noc

    def __add__(self, other: MeshCost) -> MeshCost:
        pairs = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in dataclasses.fields(MeshCost)}
        return MeshCost(**{k: np.maximum(*both) if k in _AT_ONCE else both[0] + both[1] for k, both in pairs.items()})

    def repeated(self, times: Array | float) -> MeshCost:
        """This cost ``times`` times in a row."""
        values = {one.name: getattr(self, one.name) for one in dataclasses.fields(MeshCost)}
        return MeshCost(**{name: value if name in _AT_ONCE else value * times for name, value in values.items()})


def fastest(costs: Sequence[MeshCost]) -> MeshCost:
    """The cost with the fewest cycles at each place; the earlier one on a tie."""
    best = costs[0]
    for other in costs[1:]:
        faster = other.cycles < best.cycles
        best = MeshCost(
            *(
                np.where(faster, getattr(other, one.name), getattr(best, one.name))
                for one in dataclasses.fields(MeshCost)
            )
        )
    return best


def vector_cycles(machine: MeshMachine, elements: Array, operands: float = 3.0) -> tuple[Array, Array]:
    """Cycles of one vector instruction over ``elements`` beside its start: (its lanes, what the SRAM ports add).

    Args:
        machine: The core.
        elements: Length of the vector.
        operands: Memory operands, read or written, per element (a multiply-accumulate has 3).
    """
    lanes = np.ceil(elements / machine.lanes)
    ports = elements * operands * machine.element_bytes / machine.sram_bytes_per_cycle
    return lanes, np.maximum(ports - lanes, 0.0)
