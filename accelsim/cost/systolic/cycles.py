"""Cycles of one systolic array: fill, stream and drain of every fold, without stalls.

An ``R x C`` array works on a product ``C[m, n] = A[m, k] @ B[k, n]`` one *fold* at a time.  One operand (or the
result) stays in the array, the others stream through it in a skewed wave::

    dataflow  stationary  rows hold  columns hold  streamed
    ws        B           k          n             m
    is        A           k          m             n
    os        C           m          n             k

Modelled: whole folds, each filled, streamed and drained before the next begins, as SCALE-Sim counts them.  Not
modelled here: memory stalls (:mod:`.buffers` adds them), and weights loaded under the stream of the fold before
(:mod:`.gemm` does that).

Source:
    Samajdar et al., *A Systematic Methodology for Characterizing Scalability of DNN Accelerators using SCALE-Sim*,
    ISPASS 2020, section III; equal to every stall-free run of SCALE-Sim v3 in the suite
    ``scalesim_gemm_cycles``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.cost.shares import ceil_div
from accelsim.errors import ConfigError

IntArray = npt.NDArray[np.int64]

DATAFLOWS = ("ws", "os", "is")


def oriented(
    m: npt.ArrayLike, n: npt.ArrayLike, k: npt.ArrayLike, dataflow: str
) -> tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]:
    """Which extent lies along the rows of the array, which along its columns, and which is streamed.

    Args:
        m: Rows of the result.
        n: Columns of the result.
        k: What is summed over.
        dataflow: ``ws``, ``is`` or ``os``: what stays in the array.

    Raises:
        ConfigError: Unknown dataflow.
    """
    if dataflow not in DATAFLOWS:
        raise ConfigError(f"systolic array: unknown dataflow {dataflow!r}. Use one of: {', '.join(DATAFLOWS)}.")
    return {"ws": (k, n, m), "is": (k, m, n), "os": (m, n, k)}[dataflow]


def fold_grid(
    m: npt.ArrayLike, n: npt.ArrayLike, k: npt.ArrayLike, rows: int, cols: int, dataflow: str
) -> tuple[IntArray, IntArray, IntArray]:
    """Folds along the rows, folds along the columns, and vectors streamed through each fold.

    Raises:
        ConfigError: Unknown dataflow, or an array without rows or columns.
    """
    if rows <= 0 or cols <= 0:
        raise ConfigError(f"systolic array: rows and cols must be > 0, got {rows} x {cols}")
    down, across, streamed = (np.asarray(extent, dtype=np.int64) for extent in oriented(m, n, k, dataflow))
    return ceil_div(down, rows), ceil_div(across, cols), streamed


def fold_cycles(streamed: npt.ArrayLike, rows: int, cols: int, dataflow: str) -> IntArray:
    """Cycles of one fold: fill, skewed stream and drain.

    With a stationary operand, ``rows`` cycles load it and ``streamed + rows + cols - 2`` pass the skewed wave; with a
    stationary result only the wave counts.

    Args:
        streamed: Vectors that pass through the fold.
        rows: Rows of the array.
        cols: Columns of the array.
        dataflow: ``ws``, ``is`` or ``os``: what stays in the array.
    """
    fill = 0 if dataflow == "os" else rows
    return np.asarray(streamed, dtype=np.int64) + (fill + rows + cols - 2)


def array_cycles(
    m: npt.ArrayLike, n: npt.ArrayLike, k: npt.ArrayLike, rows: int, cols: int, dataflow: str = "ws"
) -> IntArray:
    """Cycles of ``C[m, n] = A[m, k] @ B[k, n]`` on one ``rows x cols`` array, without stalls; vectorised.

    The last cycle's index, as SCALE-Sim reports it (hence one less than the number of cycles).

    Args:
        m: Rows of the result.
        n: Columns of the result.
        k: What is summed over.
        rows: Rows of the array.
        cols: Columns of the array.
        dataflow: ``ws``, ``is`` or ``os``: what stays in the array.

    Raises:
        ConfigError: Unknown dataflow, or an array without rows or columns.

    Examples:
        >>> int(array_cycles(256, 256, 256, 128, 128, "ws"))  # 2 * 2 folds of 256 + 2 * 128 + 128 - 2 cycles, minus 1
        2551
    """
    down, across, streamed = fold_grid(m, n, k, rows, cols, dataflow)
    return down * across * fold_cycles(streamed, rows, cols, dataflow) - 1


def array_utilisation(
    m: npt.ArrayLike, n: npt.ArrayLike, k: npt.ArrayLike, rows: int, cols: int, dataflow: str = "ws"
) -> npt.NDArray[np.float64]:
    """Useful multiply-accumulates over those possible in :func:`array_cycles`, whose arguments it takes; in [0, 1]."""
    macs = np.asarray(m, dtype=np.float64) * np.asarray(n) * np.asarray(k)
    utilisation: npt.NDArray[np.float64] = macs / (array_cycles(m, n, k, rows, cols, dataflow) + 1) / (rows * cols)
    return utilisation
