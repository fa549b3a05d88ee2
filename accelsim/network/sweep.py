"""A collective over a range of sizes by each algorithm, and where one overtakes another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.cost.call import AUTO, DEFAULT_LIBRARY, Call
from accelsim.cost.cost import Cost
from accelsim.errors import ConfigError
from accelsim.hardware.system import System
from accelsim.network.collective import collective_choices
from accelsim.network.placed import PlacedNetwork
from accelsim.network.seats import Seats, interleaved
from accelsim.workload.group import Group

#: Times that (n - 1) / n of the buffer passes a link in an ideal ring of n; the other collectives count it whole.
_BUS_PASSES = {"all_reduce": 2, "all_gather": 1, "reduce_scatter": 1, "all_to_all": 1}


def algorithm_bytes_per_s(cost: Cost) -> float:
    """Size of the call over its time ("algbw" of nccl-tests); 0 for a call that takes no time."""
    return cost.call.nbytes / cost.work_s if cost.work_s else 0.0


def bus_bytes_per_s(cost: Cost) -> float:
    """What a link would have to carry in an ideal ring ("busbw"): comparable over numbers of ranks.

    Source:
        NVIDIA nccl-tests, doc/PERFORMANCE.md.
    """
    share = (cost.call.num_ranks - 1) / cost.call.num_ranks
    factor = _BUS_PASSES[cost.call.kind] * share if cost.call.kind in _BUS_PASSES else 1.0
    return algorithm_bytes_per_s(cost) * factor


@dataclass(frozen=True)
class Crossover:
    """Between two sizes of a sweep another algorithm becomes the fastest.

    Attributes:
        above_bytes: Largest size of the sweep at which ``before`` is faster.
        up_to_bytes: Next size, at which ``after`` is.
        before: Algorithm.
        after: Algorithm.
    """

    above_bytes: int
    up_to_bytes: int
    before: str
    after: str


@dataclass(frozen=True)
class Sweep:
    """Costs of one collective by size.

    Attributes:
        fastest: What ``auto`` chooses, by size.
        by_algorithm: Costs by algorithm, in the order of sizes.
    """

    fastest: tuple[Cost, ...]
    by_algorithm: dict[str, tuple[Cost, ...]]

    @property
    def crossovers(self) -> tuple[Crossover, ...]:
        """Where the fastest algorithm changes."""
        calls = [cost.call for cost in self.fastest]
        pairs = itertools.pairwise(calls)
        return tuple(
            Crossover(a.nbytes, b.nbytes, a.algorithm, b.algorithm) for a, b in pairs if a.algorithm != b.algorithm
        )


def sweep_collective(
    kind: str,
    sizes_bytes: Sequence[int],
    group: Group,
    system: System,
    algorithm: str = AUTO,
    library: str = DEFAULT_LIBRARY,
) -> Sweep:
    """Price a collective at every size, by the algorithms ``auto`` chooses from, or by one.

    A group that does not lie on whole levels is priced on its chips, with the groups between its ranks beside it.

    Args:
        kind: Collective, e.g. ``all_reduce``.
        sizes_bytes: Bytes of the buffer of a rank, for each call.
        group: Size and stride of the ranks in chips.
        system: Where it runs.
        algorithm: One algorithm; default: all that the library chooses from.
        library: Name of a library of the outermost level.

    Raises:
        ConfigError: As :func:`accelsim.network.collective.collective_steps`, or an algorithm or library asked for
            where the group does not lie on whole levels.
    """
    fastest, found = [], dict[str, list[Cost]]()
    on_levels = Seats(group.size * group.stride).follow_levels(group, system)
    if not on_levels and (algorithm, library) != (AUTO, DEFAULT_LIBRARY):
        raise ConfigError(f"{group} do not lie on whole levels of {system.name}; choose no algorithm or library there.")
    placed = PlacedNetwork(system)
    for nbytes in sizes_bytes:
        if on_levels:
            choices = collective_choices(Call(kind, nbytes, group.size, algorithm, library), system, group.stride)
        else:
            choices = placed.choices(kind, nbytes, interleaved(group, system))
        fastest.append(min(choices, key=lambda cost: cost.work_s))
        for cost in choices:
            found.setdefault(cost.call.algorithm, []).append(cost)
    return Sweep(tuple(fastest), {name: tuple(costs) for name, costs in found.items()})
