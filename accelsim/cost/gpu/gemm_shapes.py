"""What the formula of products takes and gives: arrays of shapes in, arrays of seconds and bytes out."""

from __future__ import annotations

from typing import NamedTuple, Self

from numpy.typing import ArrayLike

from accelsim.cost.gpu.machine import Array
from accelsim.cost.gpu.shapes import columns_of

_DEFAULTS: dict[str, ArrayLike | str] = {
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


class GemmShapes(NamedTuple):
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

    @classmethod
    def of(cls, **columns: ArrayLike) -> Self:
        """Products from columns by name, arrays of one length or single numbers; what is left out has its default.

        Raises:
            TypeError: A column is unknown or missing.
        """
        return cls(*columns_of(columns, cls._fields, _DEFAULTS))


class GemmTimes(NamedTuple):
    """Seconds and bytes of an array of products; every field has one entry per product.

    ``launch_s + latency_s + compute_s + l2_s + hbm_s == total_s``.
    """

    total_s: Array
    launch_s: Array
    latency_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array
    tile_rows: Array
    tile_cols: Array
    splits: Array
    waves: Array
