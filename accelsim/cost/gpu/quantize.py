"""Dynamic quantisation of activations before a product of a narrower type: one scale for the whole tensor.

Two kernels: the first finds the largest magnitude, the second scales and converts::

    launches | max(read, rows one after the other at the common maximum) | max(read again and write, rows dispatched)

Each row is a block of its own and updates the one maximum; these updates are serial, whatever the width of the rows.
The second kernel has as many blocks, which need no more than their dispatch.

Not modelled: scales per row or per block of columns, fusion with the operator before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.gemm import L2_STORE_SHARE, GemmParameters
from accelsim.cost.gpu.machine import Array, GpuMachine

#: Time to dispatch the block of a row, over that of a row at the common maximum: narrow activations take 30 % more than
#: the maximum alone on H100, H200 and B200 (docs/assumptions.md, GPU-14).
DISPATCH_SHARE = 0.3


def quantize_seconds(
    machine: GpuMachine,
    parameters: GemmParameters,
    rows: ArrayLike,
    width: ArrayLike,
    *,
    wide_bytes: float = 2.0,
    narrow_bytes: float = 1.0,
) -> Array:
    """Seconds to quantise activations of ``rows x width`` elements, for arrays of shapes.

    Args:
        machine: What the kernels run on.
        parameters: Calibration of the product that follows; its ``quantize_*`` fields are read.
        rows: Rows of the activations.
        width: Their elements.
        wide_bytes: Bytes of an element before.
        narrow_bytes: Bytes of an element after.
    """
    m, k = (np.asarray(v, dtype=np.float64) for v in np.broadcast_arrays(rows, width))
    read, written = wide_bytes * m * k, narrow_bytes * m * k
    hit = machine.cached_fraction(read + written)
    main = machine.hbm_bandwidth_bytes_per_s * parameters.quantize_efficiency
    cache = machine.l2_bandwidth_bytes_per_s * parameters.quantize_efficiency * L2_STORE_SHARE
    byte_s = (1.0 - hit) / main + hit / cache
    return np.asarray(
        parameters.quantize_launch_s
        + np.maximum(m * parameters.quantize_row_s, read * byte_s)
        + np.maximum(m * parameters.quantize_row_s * DISPATCH_SHARE, (read + written) * byte_s)
    )
