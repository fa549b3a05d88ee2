"""What the formula of products takes and gives: arrays of shapes in, arrays of seconds and bytes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from accelsim.cost.gpu.launches import KernelTimes
from accelsim.cost.gpu.machine import Array
from accelsim.cost.gpu.shapes import Shapes


@dataclass(frozen=True, slots=True)
class GemmShapes(Shapes):
    """Products ``C[batch, m, n] = A[batch, m, k] @ B[batch, k, n]``, one entry each.

    Attributes:
        m: Rows of one result.
        n: Columns of one result.
        k: Contracted extent.
        batch: Independent products; default 1.
        element_bytes: Bytes of an element as it is multiplied; default 2.
        a_element_bytes: Bytes of an element of ``A`` in memory, scales included; default ``element_bytes``.
        b_element_bytes: The same of ``B``.
        result_bytes: Bytes of an element of ``C``; default ``element_bytes``.
        core_flops_per_s: Published matrix peak of one core for the element type.
        unpack_s: Time of one core to unpack one element of ``B``, beside the matrix unit; every tile unpacks its own.
        a_cached: Share of ``A`` already in the L2, 0 to 1.
        b_cached: Share of ``B`` already in the L2, 0 to 1; less what is read of it again.
        c_cached: Share of ``C`` that stays in the L2 instead of being written to main memory, 0 to 1.
    """

    defaults: ClassVar[Mapping[str, ArrayLike | str]] = {
        "batch": 1.0,
        "element_bytes": 2.0,
        "a_element_bytes": "element_bytes",
        "b_element_bytes": "element_bytes",
        "result_bytes": "element_bytes",
        "unpack_s": 0.0,
        "a_cached": 0.0,
        "b_cached": 0.0,
        "c_cached": 0.0,
    }

    m: Array
    n: Array
    k: Array
    batch: Array
    element_bytes: Array
    a_element_bytes: Array
    b_element_bytes: Array
    result_bytes: Array
    core_flops_per_s: Array
    unpack_s: Array
    a_cached: Array
    b_cached: Array
    c_cached: Array


@dataclass(frozen=True, slots=True)
class GemmTimes(KernelTimes):
    """Seconds and bytes of an array of products, and the kernel of each."""

    tile_rows: Array
    tile_cols: Array
    splits: Array
    waves: Array
