"""Measured operators as a cost model reads them: what a row of a table says, and how it was measured.

A measuring rig decides what is in the caches when a kernel starts and whether launch overhead is inside the time; both
are stated by a :class:`Rig`, never hidden in calibrated numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.dtypes import DType
from accelsim.workload.operator import Operator

Array = NDArray[np.float64]
#: Numeric columns of a group of rows, by name, all of one length.
Extents = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Rig:
    """How a table was measured.

    Attributes:
        weight_copies: Different weights used in turn, each with a result of its own, so that both are touched again
            only after all of them.
        has_launch: Whether the launch of the kernel lies inside the measured time.
        appends_kv: Whether an attention row also copies its new keys and values into the cache.
        overhead_s: Constant of the framework and host inside every time.
        quantizes: Whether an 8-bit GEMM row also quantises its 16-bit activations first.
        library: Communication library behind a collective; blank is the system's own.
        call_s: Time of the host per call of an eager framework; the device works behind it, so that a row takes at
            least its calls.
        rounds_s: What the source rounds its times to; 0 is nothing to speak of.
    """

    weight_copies: int = 1
    has_launch: bool = True
    appends_kv: bool = False
    overhead_s: float = 0.0
    quantizes: bool = False
    library: str = ""
    call_s: float = 0.0
    rounds_s: float = 0.0

    def seen(self, device_s: Array, calls: Array) -> Array:
        """What the clock sees of rows whose kernels the host issues.

        Args:
            device_s: Seconds of each row on the device.
            calls: Calls of the framework that issue each row.
        """
        return np.maximum(device_s, self.call_s * calls) + self.overhead_s


@dataclass(frozen=True, slots=True)
class Operation:
    """One value of the ``op`` column of measured tables.

    Attributes:
        needs: Columns that must hold a positive whole number.
        kind: What short tables of errors count it as, in the plural.
        work: Work of each row, which size classes divide: FLOPs, elements, or bytes of a collective.
        build: Our operator of one row, in the order of ``needs`` and then the optional columns; None where there is
            none.
        optional: Further columns and the value of a blank cell.
        flags: Optional columns that are 0 or 1.
        collective: Kind of the collective, for those.
        exchange: Direction of an exchange of tokens between experts, for those.
    """

    needs: tuple[str, ...]
    kind: str
    work: Callable[[Extents], Array]
    build: Callable[[Mapping[str, int], DType], Operator] | None = None
    optional: Mapping[str, int] | None = None
    flags: tuple[str, ...] = ()
    collective: str = ""
    exchange: str = ""


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of one operator and element type, measured alike.

    Attributes:
        op: Operator, as tables spell it.
        dtype: Element type.
        extents: Columns of extents.
        rig: How they were measured.
    """

    op: str
    dtype: DType
    extents: Extents
    rig: Rig

    def __len__(self) -> int:
        return len(next(iter(self.extents.values())))

    def part(self, first: int, end: int) -> Batch:
        """The rows from ``first`` up to ``end``.

        Args:
            first: Position of the first row.
            end: Position behind the last one.
        """
        extents = {name: column[first:end] for name, column in self.extents.items()}
        return Batch(self.op, self.dtype, extents, self.rig)
