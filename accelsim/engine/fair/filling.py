"""The definition of fair rates in plain Python: whole components of links are filled from empty.

Rounds: take the smallest ``remaining capacity // unfrozen flows`` of the links that still carry unfrozen flows; freeze
the flows of all links of that level at it; subtract it from every link they cross, once for each.  The level of a
flow is thus set by its bottleneck, and no flow could get more without taking from one that has less.

A component (links connected through flows) never looks at the numbers of another, so filling one gives what filling all
would give.
"""

from __future__ import annotations

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
    capacity: Sequence[int] | Mapping[int, int],
) -> tuple[dict[AnyFlow, int], dict[int, int]]:
    """Share the capacity of whole components among their flows.

    Args:
        links: Every link of one or more components.
        flows_on_link: Flows now on each link.
        route_of: Links of each flow, none twice.
        capacity: Capacity of each link, in whole units.

    Returns:
        The rate of each flow and the used capacity of each link, in units.

    Examples:
        Three flows, two links: ``a`` crosses both, ``b`` link 0, ``c`` link 1.

        >>> routes = {"a": [0, 1], "b": [0], "c": [1]}
        >>> fill([0, 1], [["a", "b"], ["a", "c"]], routes.__getitem__, [10, 5])
        ({'a': 2, 'c': 2, 'b': 8}, {0: 10, 1: 4})
    """
    remaining = {link: capacity[link] for link in links}
    unfrozen = {link: len(flows_on_link[link]) for link in links if flows_on_link[link]}
    rates: dict[AnyFlow, int] = {}
    while unfrozen:
        shares = {link: remaining[link] // count for link, count in unfrozen.items()}
        level = min(shares.values())
        for full in [link for link, share in shares.items() if share == level]:
            for flow in flows_on_link[full]:
                if flow not in rates:
                    rates[flow] = level
                    for link in route_of(flow):
                        remaining[link] -= level
                        unfrozen[link] -= 1
        unfrozen = {link: count for link, count in unfrozen.items() if count}
    return rates, {link: capacity[link] - remaining[link] for link in links}
