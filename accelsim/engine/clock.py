"""Integer time inside the engine, float seconds outside.

One tick is one femtosecond.  Sums of integers do not depend on their order, so two
events that are logically simultaneous stay simultaneous whatever is refactored.
A signed 64-bit tick holds 9,223 s, about 2.5 simulated hours; longer runs are folded
(:class:`accelsim.engine.program.Program` counts repetitions in unbounded integers).
"""

from __future__ import annotations

from typing import overload

import numpy as np
import numpy.typing as npt

from accelsim.errors import AccelsimError

TICKS_PER_S = 10**15
MAX_TICKS = 2**63 - 1

OVERFLOW_REMEDY = (
    "the engine counts femtoseconds in 64 bits and holds 9223 s (2.5 h) per run. "
    "Simulate one step and repeat it (Program with Stage(graph, repeat=N)), or check the units of the input."
)


class ClockOverflowError(AccelsimError, OverflowError):
    """A time does not fit the 64-bit femtosecond clock; the text names the remedy."""


class ClockError(AccelsimError, ValueError):
    """A time is negative or not a number."""


@overload
def to_ticks(seconds: float) -> int: ...
@overload
def to_ticks(seconds: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> npt.NDArray[np.int64]: ...
def to_ticks(
    seconds: float | npt.NDArray[np.floating] | npt.NDArray[np.integer],
) -> int | npt.NDArray[np.int64]:
    """Round seconds to ticks, half to even: at most half a femtosecond off (plus float64 rounding).

    Args:
        seconds: Durations >= 0, a number or an array of any shape.

    Returns:
        An ``int`` for a number, an int64 array of the same shape for an array.

    Raises:
        ClockError: A value is negative or not a number.
        ClockOverflowError: A value is longer than the clock holds.

    Examples:
        >>> to_ticks(256 / 900e9)
        284444
    """
    if isinstance(seconds, np.ndarray):
        scaled = np.rint(seconds.astype(np.float64, copy=False) * float(TICKS_PER_S))
        lowest = float(scaled.min(initial=0.0))
        highest = float(scaled.max(initial=0.0))
        _check_range(lowest, highest)
        ticks: npt.NDArray[np.int64] = scaled.astype(np.int64)
        return ticks
    scalar = float(seconds) * float(TICKS_PER_S)
    _check_range(scalar, scalar)
    return round(scalar)


@overload
def to_seconds(ticks: int) -> float: ...
@overload
def to_seconds(ticks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]: ...
def to_seconds(ticks: int | npt.NDArray[np.int64]) -> float | npt.NDArray[np.float64]:
    """Convert ticks to seconds, a number or an array.

    Examples:
        >>> to_seconds(284_444)
        2.84444e-10
    """
    if isinstance(ticks, np.ndarray):
        return ticks / float(TICKS_PER_S)
    return int(ticks) / TICKS_PER_S


def _check_range(lowest: float, highest: float) -> None:
    """Refuse what the clock cannot hold (nan fails the first comparison)."""
    if not lowest >= 0.0 or highest != highest:
        raise ClockError(f"time must be a number >= 0 s, got {lowest / TICKS_PER_S!r} s.")
    # 2**63 itself is the first float that does not fit int64.
    if highest >= 2.0**63:
        raise ClockOverflowError(f"time {highest / TICKS_PER_S:.6g} s is too long: {OVERFLOW_REMEDY}")
