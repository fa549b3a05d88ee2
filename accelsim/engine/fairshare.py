"""Max-min fair shares of links: the water filling both engines compute, here in plain Python.

Rounds: among the links that still carry unfrozen flows take the one with the smallest
``remaining capacity / unfrozen flows`` (ties: lowest link id); freeze its flows at that
share; subtract ``share * k`` from every other link they cross, ``k`` being how many of
them cross it.  The share of a flow is thus set by its bottleneck, and no flow could get
more without taking from one that has less.

The order of the floating-point operations is part of the definition: the compiled twin
repeats it bit by bit.  A component (links connected through flows) never looks at the
numbers of another, so refilling one component gives what refilling all would give.

Source:
    Bertsekas and Gallager, *Data Networks*, 2nd ed., 1992, section 6.5.2 (max-min flow control).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

AnyFlow = TypeVar("AnyFlow", bound=Hashable)


def component(
    dirty: Iterable[int],
    flows_on_link: Sequence[Collection[AnyFlow]] | Mapping[int, Collection[AnyFlow]],
    route_of: Callable[[AnyFlow], Sequence[int]],
) -> list[int]:
    """Return the links connected to ``dirty`` through flows, ``dirty`` included, in ascending order.

    Args:
        dirty: Links that changed.
        flows_on_link: Flows that now cross each link.
        route_of: Links that a flow crosses.
    """
    found = set(dirty)
    frontier = sorted(found)
    while frontier:
        link = frontier.pop()
        for flow in flows_on_link[link]:
            for other in route_of(flow):
                if other not in found:
                    found.add(other)
                    frontier.append(other)
    return sorted(found)


def fill(
    links: Sequence[int],
    flows_on_link: Sequence[Collection[AnyFlow]] | Mapping[int, Collection[AnyFlow]],
    route_of: Callable[[AnyFlow], Sequence[int]],
    capacity: Sequence[float] | Mapping[int, float],
) -> tuple[dict[AnyFlow, float], dict[int, float]]:
    """Share the capacity of whole components among their flows.

    Args:
        links: Every link of one or more components.
        flows_on_link: Flows now on each link.
        route_of: Links of each flow, none twice.
        capacity: Capacity of each link, in any unit of bytes per time.

    Returns:
        The rate of each flow and the used capacity of each link, in the unit of ``capacity``.

    Examples:
        Three flows, two links: ``a`` crosses both, ``b`` link 0, ``c`` link 1.

        >>> routes = {"a": [0, 1], "b": [0], "c": [1]}
        >>> fill([0, 1], [["a", "b"], ["a", "c"]], routes.__getitem__, [10.0, 4.0])
        ({'a': 2.0, 'c': 2.0, 'b': 8.0}, {0: 10.0, 1: 4.0})
    """
    remaining = {link: capacity[link] for link in links}
    unfrozen = {link: len(flows_on_link[link]) for link in links if flows_on_link[link]}
    rates: dict[AnyFlow, float] = {}
    while unfrozen:
        bottleneck = min(unfrozen, key=lambda link: (remaining[link] / unfrozen[link], link))
        share = remaining[bottleneck] / unfrozen[bottleneck]
        crossing: Counter[int] = Counter()
        for flow in flows_on_link[bottleneck]:
            if flow not in rates:
                rates[flow] = share
                crossing.update(route_of(flow))
        for link, count in crossing.items():
            remaining[link] = 0.0 if link == bottleneck else max(0.0, remaining[link] - share * count)
            unfrozen[link] -= count
            if not unfrozen[link]:
                del unfrozen[link]
    return rates, {link: capacity[link] - remaining[link] for link in links}
