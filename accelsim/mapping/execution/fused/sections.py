"""Where to cut a chain of operators into sections that are on the chip at once: dynamic programming.

A section of ``k`` operators takes the longer of its arithmetic and of what streams in for it::

    max(launch + compute (units + k - 1) / units, streamed / rate)

``compute`` is what its operators take one after another on all cores.  With the cores shared out by work each takes the
same time for a unit, ``compute / units``, and a unit passes ``k`` of them: the section fills and drains in ``k - 1``.
What a section holds must fit half of the SRAM, beside the weights of the next; an operator alone may take its weights
in as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Station:
    """One operator of a chain.

    Attributes:
        compute_s: Time on all cores, with its operands in their SRAM.
        launch_s: Time to start it, which a section pays once.
        stream_s: Time in which its weights and cache come in, by memory.
        held_bytes: What it keeps in the SRAM while its section is there.
        is_wall: Whether it is a section of its own: a collective, which takes the links between chips.
    """

    compute_s: float
    launch_s: float
    stream_s: tuple[float, ...]
    held_bytes: int
    is_wall: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """What sections may take.

    Attributes:
        units: Pieces in which tokens stream through a section.
        held_bytes: SRAM that a section of several operators may fill.
    """

    units: int
    held_bytes: float


def section_compute_s(stations: Sequence[Station], units: int) -> float:
    """Time in which the units pass all operators of a section: launch, arithmetic, fill and drain.

    Args:
        stations: The operators.
        units: Pieces in which tokens stream through.
    """
    compute_s = sum(one.compute_s for one in stations)
    return max(one.launch_s for one in stations) + compute_s * (units + len(stations) - 1) / units


def section_s(stations: Sequence[Station], units: int) -> float:
    """Time of a section whose weights come in while the one before computes.

    Args:
        stations: The operators.
        units: Pieces in which tokens stream through.
    """
    streams: list[float] = [sum(times) for times in zip(*(one.stream_s for one in stations), strict=True)]
    return max([section_compute_s(stations, units), *streams])


def may_share(stations: Sequence[Station], budget: Budget) -> bool:
    """Whether operators may be one section.

    Args:
        stations: The operators in a row.
        budget: What a section may take.
    """
    if len(stations) == 1:
        return True
    return not any(one.is_wall for one in stations) and sum(s.held_bytes for s in stations) <= budget.held_bytes


def find_sections(chain: Sequence[Station], budget: Budget) -> tuple[range, ...]:
    """The cut of a chain with the least sum of times; of equal ones the one with longer sections at its end.

    Args:
        chain: Operators in their order.
        budget: What a section may take.
    """
    best = [0.0]
    cuts = [0]
    for end in range(1, len(chain) + 1):
        found: tuple[float, int] | None = None
        for start in range(end - 1, -1, -1):
            stations = chain[start:end]
            if not may_share(stations, budget):
                break  # longer ones hold more
            total = best[start] + section_s(stations, budget.units)
            if found is None or total <= found[0]:
                found = total, start
        assert found is not None
        best.append(found[0])
        cuts.append(found[1])
    sections = []
    end = len(chain)
    while end:
        sections.append(range(cuts[end], end))
        end = cuts[end]
    return tuple(reversed(sections))
