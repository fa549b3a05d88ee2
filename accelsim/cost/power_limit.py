"""The clock a chip holds at its power limit: what operators take there, and what they draw.

At the chip's own clock ``f`` an operator of ``T`` seconds draws ::

    idle + (busy x (T - waiting) + waiting x WAITING_SHARE x busy + E_cores + E_bytes) / T

Where that is more than the limit, clocks fall to ``r f``: what the arithmetic decides takes ``1/r`` as long, memories
keep their pace, and what the cores draw falls with the voltage::

    T(r) = T + compute x (1/r - 1)        busy(r) = busy x r x v(r)^2        E_cores(r) = E_cores x v(r)^2
    v(r) = max(floor, 1 - slope x (1 - r))

The largest ``r`` that keeps the limit is taken.  An operator below the limit is left as it is, to the bit.  Of some
cores of a chip their share of idle, busy and limit counts.  Source: docs/assumptions.md#power-limit.

Not modelled: averages of a regulator over many operators, steps of clocks, temperature, a memory that slows too.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from accelsim.hardware.chip import Chip

Array = NDArray[np.float64]

#: Share of its busy power that a chip draws while its cores wait: launches, latencies.
#: docs/assumptions.md#energy-waiting
WAITING_SHARE = 0.29
#: Least clock that is looked at, as a share of the chip's; what draws too much even there waits for the rest.
LEAST_CLOCK = 0.1
_HALVINGS = 48


@dataclass(frozen=True, slots=True)
class Draw:
    """What operators take and draw at the chip's own clock. float64[N] each.

    Attributes:
        total_s: Durations.
        compute_s: Part of them that the clock of the cores moves.
        waiting_s: Part in which the cores wait: launches, latencies.
        cores_j: Energy of the cores: arithmetic and operands from their SRAM.
        bytes_j: Energy of bytes from and to caches and memories.
    """

    total_s: Array
    compute_s: Array
    waiting_s: Array
    cores_j: Array
    bytes_j: Array


@dataclass(frozen=True, slots=True)
class Held:
    """The same operators at the clock that the limit allows. float64[N] each.

    Attributes:
        longer_s: What they take more.
        cores_j: Energy of the cores.
        rest_s: Seconds' worth of busy power that is not drawn: cores wait, or run at a lower clock and voltage.
        clock: Clock held, as a share of the chip's.
    """

    longer_s: Array
    cores_j: Array
    rest_s: Array
    clock: Array


def held_at_limit(draw: Draw, chip: Chip, num_cores: int) -> Held:
    """What operators take and draw where the chip keeps its power limit.

    Args:
        draw: What they would take and draw at the chip's own clock.
        chip: Its powers, limit and voltage.
        num_cores: Cores they run on.
    """
    share = num_cores / chip.num_cores
    idle_w, busy_w, limit_w = (share * watts for watts in (chip.idle_w, chip.busy_w, chip.tdp_w))
    clock = np.ones_like(draw.total_s)
    rest_s = (1.0 - WAITING_SHARE) * draw.waiting_s
    held = Held(np.zeros_like(clock), draw.cores_j, rest_s, clock)
    drawn_j = idle_w * draw.total_s + busy_w * (draw.total_s - rest_s) + draw.cores_j + draw.bytes_j
    over = np.flatnonzero(drawn_j > limit_w * draw.total_s)
    if not over.size:
        return held
    part = Draw(*(getattr(draw, one.name)[over] for one in fields(Draw)))

    def at(r: Array) -> tuple[Array, Array, Array]:
        """Seconds, energy of the cores, and seconds at full busy power that draw the same."""
        voltage = _voltage(chip, r)
        seconds = part.total_s + part.compute_s * (1.0 / r - 1.0)
        busy_s = r * voltage**2 * (seconds - (1.0 - WAITING_SHARE) * part.waiting_s)
        return seconds, part.cores_j * voltage**2, busy_s

    def excess_j(r: Array) -> Array:
        seconds, cores_j, busy_s = at(r)
        return np.asarray((idle_w - limit_w) * seconds + busy_w * busy_s + cores_j + part.bytes_j)

    low, high = np.full(over.size, LEAST_CLOCK), np.ones(over.size)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        fits = excess_j(middle) <= 0.0
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    seconds, cores_j, busy_s = at(low)
    waits_s = np.maximum(excess_j(low), 0.0) / max(limit_w - idle_w, 1e-9)
    seconds = seconds + waits_s
    for column, values in zip(
        (held.longer_s, held.rest_s, held.clock), (seconds - part.total_s, seconds - busy_s, low), strict=True
    ):
        column[over] = values
    all_cores_j = draw.cores_j.copy()
    all_cores_j[over] = cores_j
    return Held(held.longer_s, all_cores_j, held.rest_s, held.clock)


def _voltage(chip: Chip, clock: Array) -> Array:
    """Voltage at a share of the chip's clock, as a share of that at its clock."""
    return np.maximum(chip.voltage.floor, 1.0 - chip.voltage.slope * (1.0 - clock))
