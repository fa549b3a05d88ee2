"""Stalls of one systolic array behind double-buffered SRAM: a buffer per operand and one for the result.

Half of an operand's buffer is read while the other half is fetched, in the order of the operand's memory and around it
as a ring; a demand outside what is held makes the fetched half the one that is read, begins the next fetch and waits
for as many fetches as it takes.  Results collect in their buffer; half of it is written back at once, and the array
waits when the other half fills up meanwhile.

Words are held by lines of a hundredth of the buffer.  With :func:`scale_sim` this equals SCALE-Sim v3, two of whose
habits are no physics: it counts every wait twice (``waits``), and fetches at 10 words a cycle whatever bandwidth its
user sets, which is only that of the results.  With ``waits=1`` and the bandwidth that is meant, it is the machine.

Not modelled: banks, and an order of memory chosen to suit the demands.

Source:
    Raj et al., *SCALE-Sim v3*, ISPASS 2025; its runs are in ``accelsim/validation/data/scalesim_gemm_cycles.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.cost.systolic.cycles import array_cycles, oriented
from accelsim.errors import ConfigError

_LINES = 100


@dataclass(frozen=True, slots=True)
class Buffers:
    """The SRAM of one array.

    Attributes:
        words: Words of each of the three buffers.
        fetch: Words a cycle that come from memory for each operand.
        drain: Words a cycle of results that go to memory.
        waits: How often a wait for an operand counts; 1 in a machine.

    Raises:
        ConfigError: Fewer than 100 words, or a number that is not positive.
    """

    words: int
    fetch: int
    drain: int
    waits: int = 1

    def __post_init__(self) -> None:
        if self.words < _LINES or min(self.fetch, self.drain, self.waits) < 1:
            raise ConfigError(
                f"systolic buffers: need at least {_LINES} words and rates of at least 1 word a cycle, got {self}"
            )


def scale_sim(words: int, words_per_cycle: int) -> Buffers:
    """The buffers as SCALE-Sim v3 plays them.

    Args:
        words: Words of each buffer.
        words_per_cycle: The bandwidth its user sets.
    """
    return Buffers(words, fetch=10, drain=words_per_cycle, waits=2)


@dataclass(frozen=True, slots=True)
class BufferedCycles:
    """Cycles of a product behind buffers, and how many of them the array waited."""

    cycles: int
    stalls: int


def buffered_cycles(
    shape: tuple[int, int, int], array: tuple[int, int], dataflow: str, buffers: Buffers
) -> BufferedCycles:
    """Cycles of ``C[m, n] = A[m, k] @ B[k, n]`` on one array, with the stalls of its buffers.

    Args:
        shape: ``m, n, k``.
        array: Rows and columns of the array.
        dataflow: ``ws``, ``is`` or ``os``: what stays in the array.
        buffers: Its SRAM.

    Raises:
        ConfigError: Unknown dataflow, or an array without rows or columns.

    Examples:
        >>> buffered_cycles((64, 1024, 1024), (128, 128), "ws", scale_sim(2**20, 64))
        BufferedCycles(cycles=209715, stalls=181172)
    """
    (m, n, k), (rows, cols) = shape, array
    cycles = int(array_cycles(m, n, k, rows, cols, dataflow))
    down, across, depth = (int(np.asarray(extent)) for extent in oriented(m, n, k, dataflow))
    stays = dataflow == "os"
    line, half = -(-buffers.words // _LINES), buffers.words // 2
    held, fetch = -(-(buffers.words - half) // line), -(-half // buffers.fetch) + 1
    lines = [1 + down * depth // line, 1 + across * (depth if stays else down) // line]
    written = m * n if stays else m * n * -(-k // rows)
    if max(lines) <= held and written <= half:
        return BufferedCycles(cycles, 0)
    # Only those that wait need machine code.
    from accelsim.cost.systolic._buffer_kernel import play

    ahead = -(-half // line)
    windows = np.array([[all_, min(all_, held), min(max(all_ - held, 0), ahead), 0, -1, fetch] for all_ in lines])
    results = np.array([buffers.words, 0, half, -(-half // buffers.drain) - 1, buffers.words])
    product = np.array([down, across, depth, rows, cols, stays], dtype=np.int64)
    end, stalls = play(product, windows, results, line, buffers.waits)
    return BufferedCycles(int(end), int(stalls))
