"""Row operators (norms, softmax, activations, additions, rope, lookups) on the vector unit of one core.

Modelled: operands copied in, unpacked to fp32, computed, packed and copied out, one after the other (the measured
modules hide none of it); cross-lane reductions per group of rows; a fixed time per module, and a further one for
operators that reduce.  Not modelled: padding of narrow rows to lanes, fusion with a neighbour, division over several
cores (no measured row operator exceeds what one core does).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.shares import ceil_div
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RowTimes:
    """Seconds of row operators by cause; one entry per operator.

    Attributes:
        hbm_s: Copies in and out.
        vector_s: Unpacking, arithmetic, reductions and packing.
        launch_s: Fixed time of the module.
    """

    hbm_s: FloatArray
    vector_s: FloatArray
    launch_s: FloatArray

    @property
    def total_s(self) -> FloatArray:
        """Duration of each operator run alone."""
        return self.hbm_s + self.vector_s + self.launch_s


@dataclass(frozen=True, slots=True, eq=False)
class RowShapes:
    """Row operators; numbers, or one entry per operator.

    Attributes:
        rows: Rows of each operator.
        moved_elements: Elements read and written, each unpacked or packed once.
        moved_bytes: Bytes read and written.
        flops: Arithmetic operations, one per vector operation.
        reduces: Whether each row is reduced to a scalar (norms, softmax).
    """

    rows: npt.ArrayLike
    moved_elements: npt.ArrayLike
    moved_bytes: npt.ArrayLike
    flops: npt.ArrayLike
    reduces: npt.ArrayLike = False


def row_times(shapes: RowShapes, machine: SystolicMachine, parameters: SystolicParameters) -> RowTimes:
    """Times of row operators; vectorised.

    Args:
        shapes: The operators.
        machine: The cores.
        parameters: Calibrated numbers.
    """
    x = shapes
    columns = (x.rows, x.moved_elements, x.moved_bytes, x.flops, x.reduces)
    counts = (np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in columns)
    num_rows, elements, num_bytes, operations, reducing = np.broadcast_arrays(*counts)
    groups = ceil_div(num_rows, machine.sublanes)
    return RowTimes(
        hbm_s=num_bytes / machine.core_bytes_per_s(1, parameters),
        vector_s=elements * machine.conversion_s(parameters)
        + operations / machine.vector_ops_per_s
        + reducing * groups * parameters.reduction_s,
        launch_s=parameters.launch_s + reducing * parameters.reduction_setup_s,
    )
