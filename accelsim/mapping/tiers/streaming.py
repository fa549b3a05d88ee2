"""What an operator takes whose operands come in from memories behind the main one.

Streams run beside the arithmetic, each memory at its own rate, over the links that lead from its ports into the chip::

    time = max(operator, bytes / min(memory, busiest link of the network))

An operator on the SRAM of cores whose tiles do not fit beside what stays there runs in *slices*: of the columns of a
product, the heads of an attention, the tokens.  The first slice comes in while the operator before works.  What does
not depend on the sliced axis is brought in once if it stays over all slices, or again for each; the cheaper order of
the two loops is taken.

Not modelled: energy and time of bytes that are written back and forth between slices, rows of a DRAM opened anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, replace
from functools import cached_property

from accelsim.cost.base import Region
from accelsim.cost.cost import Cost
from accelsim.errors import ShapeError
from accelsim.hardware.chip import Chip
from accelsim.hardware.memory import BackingMemory
from accelsim.mapping.tiers.placing import TierPlacement, moved_bytes
from accelsim.network.noc.ports import Spread, spread_from_ports
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Axis, Role, Tensor

#: Most slices of an operator along one kind of axis; powers of two are tried.
MOST_SLICES = 1 << 16
_TOKENS = ("q_len", "batch")
_STAYING = (Role.WEIGHT, Role.KV_CACHE)


@dataclass(frozen=True, slots=True, eq=False)
class Sliced:
    """An operator in equal slices that run one after another.

    Attributes:
        slice: Price of one of them.
        tokens: Slices along tokens, each of which meets all weights and all of the cache.
        columns: Slices along what is stored: columns of a weight, cached positions.
    """

    slice: Cost
    tokens: int = 1
    columns: int = 1

    @property
    def cost(self) -> Cost:
        """Price of all of them."""
        return self.slice if self.tokens * self.columns == 1 else repeated(self.slice, self.tokens * self.columns)


@dataclass(frozen=True, eq=False)
class Streaming:
    """Prices operators of one rank's share on a chip with memories behind its main one.

    Attributes:
        chip: The chip.
        region: Cores that an operator spans.
        placement: Where its tensors lie.
        price: Price of an operator whose operands are all at hand.
    """

    chip: Chip
    region: Region
    placement: TierPlacement
    price: Callable[[Operator], Cost]

    def cost(self, operator: Operator) -> Cost:
        """Price of an operator with what streams in for it.

        Args:
            operator: One rank's share, on cores.
        """
        slices = self.sliced(operator)
        staying, passing = self.streamed_bytes(operator, slices)
        return self._with_streams(slices.cost, tuple(map(sum, zip(staying, passing, strict=True))))

    def streamed_bytes(self, operator: Operator, slices: Sliced) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Bytes of weights and cache, and of activations, that come from each memory behind the main one.

        Args:
            operator: The operator.
            slices: How it is cut.
        """
        staying, passing = [0.0] * len(self.rates), [0.0] * len(self.rates)
        for (role, name), nbytes in moved_bytes(operator).items():
            column = staying if role in _STAYING else passing
            for at, share in enumerate(self.placement.shares_of(role, name)):
                column[at] += share * nbytes
        again = (slices.tokens - 1) * sum(staying), (slices.columns - 1) * sum(passing)
        if again[0] <= again[1]:
            return tuple(slices.tokens * nbytes for nbytes in staying), tuple(passing)
        return tuple(staying), tuple(slices.columns * nbytes for nbytes in passing)

    @cached_property
    def rates(self) -> tuple[float, ...]:
        """Bytes/s at which each memory behind the main one fills the cores of the region."""
        return tuple(
            min(memory.stream_bytes_per_s * self._wires(memory), self._link_bytes_per_s(spread))
            for memory, spread in zip(self.chip.behind.values(), self.spreads, strict=True)
        )

    def _wires(self, memory: BackingMemory) -> float:
        """Share of a memory's wires that end in the region: of one that lies above the cores, that of its cores."""
        is_stacked = self.chip.noc is not None and not memory.ports
        return self.region.num_cores / self.chip.num_cores if is_stacked else 1.0

    @cached_property
    def spreads(self) -> tuple[Spread, ...]:
        """What a byte from each memory behind the main one makes of the network."""
        return tuple(spread_from_ports(memory.ports, self.chip.core_grid) for memory in self.chip.behind.values())

    def _link_bytes_per_s(self, spread: Spread) -> float:
        if self.chip.noc is None or not spread.busiest:
            return float("inf")
        return self.chip.noc.link_bandwidth_bytes_per_s / spread.busiest

    def _with_streams(self, cost: Cost, streamed: tuple[float, ...]) -> Cost:
        parts_s, traffic, energy_j = dict(cost.parts_s), dict(cost.traffic_bytes), cost.energy_j
        work_s = cost.work_s
        noc_j = 0.0 if self.chip.noc is None else self.chip.noc.energy_j_per_byte
        memories = self.chip.behind.items()
        for (name, memory), nbytes, rate, spread in zip(memories, streamed, self.rates, self.spreads, strict=True):
            if not nbytes:
                continue
            traffic[name] = traffic.get(name, 0.0) + nbytes
            energy_j += nbytes * (memory.energy_j_per_byte + spread.hops * noc_j)
            if spread.hops:
                traffic["noc"] = traffic.get("noc", 0.0) + nbytes * spread.hops
            stream_s = memory.latency_s + nbytes / rate
            if stream_s > work_s:
                parts_s[name] = stream_s - work_s
                work_s = stream_s
        limiter = max(parts_s, key=parts_s.__getitem__)
        return replace(cost, work_s=work_s, parts_s=parts_s, traffic_bytes=traffic, energy_j=energy_j, limiter=limiter)

    def sliced(self, operator: Operator) -> Sliced:
        """The fewest slices whose tiles fit, of these the quickest; the whole operator where none do.

        Args:
            operator: One rank's share, on cores.
        """
        whole = Sliced(self.price(operator))
        if self.chip.memories or not self.placement.streams or not self._too_large(whole.cost, operator):
            return whole
        for total in itertools.takewhile(lambda n: n <= MOST_SLICES, (2**i for i in itertools.count(1))):
            fitting = [one for one in self._in_slices(operator, total) if not self._too_large(one.slice, operator)]
            if fitting:
                return min(fitting, key=lambda one: one.cost.work_s)
        return whole

    def _too_large(self, cost: Cost, operator: Operator) -> bool:
        """Whether the tiles of a slice exceed the SRAM that is left beside what stays in it."""
        return cost.tile_bytes is not None and cost.tile_bytes > self._free_bytes(operator)

    def _free_bytes(self, operator: Operator) -> float:
        """SRAM of one core for an operator; its tiles count its own weights and cache."""
        resident = self.placement.role_bytes(self.chip.main_memory)
        own = sum(
            nbytes * (1 - sum(self.placement.shares_of(role, name)))
            for (role, name), nbytes in moved_bytes(operator).items()
            if role in _STAYING
        )
        held = sum(resident[role.value] for role in _STAYING)
        return self.chip.sram_per_core_bytes - max(0.0, held - own) / self.chip.num_cores

    def _in_slices(self, operator: Operator, total: int) -> Iterator[Sliced]:
        """Every way to cut an operator into ``total`` slices, a power of two."""
        rows = next((name for name in _TOKENS if _extent(operator, name) > 1), _TOKENS[0])
        for tokens in (2**power for power in range(total.bit_length())):
            of_tokens = _cut(operator, {rows}, tokens)
            if of_tokens is None:
                return
            for names in _stored_axes(operator) if total > tokens else (frozenset[str](),):
                one = _cut(of_tokens, names, total // tokens)
                if one is not None:
                    yield Sliced(self.price(one), tokens, total // tokens)


def repeated(cost: Cost, times: int) -> Cost:
    """The price of equal operators one after another.

    Args:
        cost: Of one.
        times: How many.
    """
    return replace(
        cost,
        work_s=cost.work_s * times,
        parts_s={cause: seconds * times for cause, seconds in cost.parts_s.items()},
        traffic_bytes={level: nbytes * times for level, nbytes in cost.traffic_bytes.items()},
        energy_j=cost.energy_j * times,
    )


def _stored_axes(operator: Operator) -> Iterator[frozenset[str]]:
    """Axes that belong to what is stored and to no activation that is read: columns of a weight, cached positions."""
    activations = {axis.name for t in operator.inputs if t.role not in _STAYING for axis in t.axes}
    for role in _STAYING:
        stored = {axis.name for t in operator.inputs if t.role is role for axis in t.axes} - activations
        if stored:
            written = {axis.name for t in operator.outputs for axis in t.axes} - activations
            yield frozenset(stored | written)


def _extent(operator: Operator, axis: str) -> int:
    return max((t.axis(axis).count for t in operator.inputs if t.has_axis(axis)), default=1)


def _cut(operator: Operator, names: Set[str], slices: int) -> Operator | None:
    """The first of ``slices`` slices along some axes; None where the operator cannot be cut so."""
    if slices == 1:
        return operator
    if all(_extent(operator, name) < slices for name in names):
        return None

    def cut(tensor: Tensor) -> Tensor:
        axes = tuple(_cut_axis(axis, slices) if axis.name in names else axis for axis in tensor.axes)
        return replace(tensor, axes=axes)

    try:
        return replace(operator, inputs=tuple(map(cut, operator.inputs)), outputs=tuple(map(cut, operator.outputs)))
    except ShapeError:
        return None


def _cut_axis(axis: Axis, slices: int) -> Axis:
    return Axis(axis.name, tuple((-(-count // slices), width) for count, width in axis.parts), axis.is_padded)
