"""The operators of a pass as stations of a chain: arithmetic on the cores, and what streams in for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from accelsim.cost.cost import Cost
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.fused.sections import Budget, Station
from accelsim.mapping.price import PricedBlock, PricedOperator
from accelsim.mapping.servers import NOC
from accelsim.mapping.tiers.placing import TierPlacement, moved_bytes
from accelsim.mapping.tiers.streaming import Streaming
from accelsim.workload.tensor import Role

#: Tokens that pass a section together: rows of a matrix unit that are full.
UNIT_TOKENS = 64
_STORED = (Role.WEIGHT, Role.KV_CACHE)


@dataclass(frozen=True, slots=True)
class Source:
    """A memory from which weights and cache stream into the SRAM.

    Attributes:
        name: Of the memory.
        bytes_per_s: At which it fills the cores.
        energy_j_per_byte: Of the memory and of the way into the chip.
        hops: Links of the on-chip network that a byte crosses.
    """

    name: str
    bytes_per_s: float
    energy_j_per_byte: float
    hops: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """An operator of the chain.

    Attributes:
        block: Name of its block.
        priced: The operator with its price; on cores, without what its main memory takes.
        streamed: Bytes that come in for it from each source.
        held_bytes: Bytes of weights among them, which stay while its section does.
    """

    block: str
    priced: PricedOperator
    streamed: tuple[int, ...]
    held_bytes: int


@dataclass(frozen=True, eq=False)
class Flow:
    """How the tensors of one rank's share come to the cores of a chip.

    Attributes:
        chip: The chip with its memories.
        placement: Where the tensors lie.
        streaming: Prices operators on cores and knows the memories behind the main one.
    """

    chip: Chip
    placement: TierPlacement
    streaming: Streaming

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The main memory where it is none of the cores' SRAM, then those behind it."""
        noc_j = 0.0 if self.chip.noc is None else self.chip.noc.energy_j_per_byte
        behind = tuple(
            Source(name, rate, memory.energy_j_per_byte + spread.hops * noc_j, spread.hops)
            for (name, memory), rate, spread in zip(
                self.chip.behind.items(), self.streaming.rates, self.streaming.spreads, strict=True
            )
        )
        if not self.chip.memories:
            return behind
        name, memory = self.chip.main_memory, self.chip.memories[self.chip.main_memory]
        share = 1.0 if self.chip.dataflow is None else self.chip.dataflow.memory_efficiency
        return (Source(name, memory.bandwidth_bytes_per_s * share, memory.energy_j_per_byte), *behind)

    def links(self, blocks: Sequence[PricedBlock]) -> Iterator[Link]:
        """Every operator of a pass in its order, repeated blocks in a row.

        Args:
            blocks: Priced with all operands at hand.
        """
        for block in blocks:
            once = [self._link(block.name, priced) for priced in block.operators]
            for _ in range(block.repeat):
                yield from once

    def _link(self, block: str, priced: PricedOperator) -> Link:
        if not priced.cost.on_cores:
            return Link(block, priced, (0,) * len(self.sources), 0)
        streamed = [0.0] * len(self.sources)
        held = 0.0
        for (role, name), nbytes in moved_bytes(priced.operator).items():
            if role not in _STORED:
                continue
            behind = self.placement.shares_of(role, name)
            shares = (1 - sum(behind), *behind) if self.chip.memories else behind
            for at, share in enumerate(shares):
                streamed[at] += share * nbytes
            held += sum(shares) * nbytes if role is Role.WEIGHT else 0.0
        cost = self._on_cores(self.streaming.sliced(priced.operator).cost)
        return Link(block, replace(priced, cost=cost), tuple(round(n) for n in streamed), round(held))

    def _on_cores(self, cost: Cost) -> Cost:
        """The cost without its main memory: operands come in by the loads of its section."""
        if not self.chip.memories:
            return cost
        main = self.chip.main_memory
        kept = {cause: seconds for cause, seconds in cost.parts_s.items() if cause != main}
        return replace(
            cost,
            work_s=sum(kept.values()),
            parts_s=kept,
            limiter=max(kept, key=kept.__getitem__, default="compute"),
            traffic_bytes={level: nbytes for level, nbytes in cost.traffic_bytes.items() if level != main},
            energy_j=cost.energy_j - cost.traffic_bytes.get(main, 0.0) * self.chip.memories[main].energy_j_per_byte,
        )

    def station(self, link: Link) -> Station:
        """What the cut into sections needs to know of an operator."""
        cost = link.priced.cost
        if not cost.on_cores:
            return Station(cost.work_s, 0.0, (0.0,) * len(self.sources), 0, is_wall=True)
        start_s = cost.launch_s if self.chip.dataflow is None else self.chip.dataflow.start_s
        stream_s = tuple(n / source.bytes_per_s for n, source in zip(link.streamed, self.sources, strict=True))
        return Station(cost.work_s - cost.launch_s, start_s, stream_s, link.held_bytes)

    def load(self, at: int, nbytes: int) -> Cost:
        """The price of a load.

        Args:
            at: Number of the source.
            nbytes: What comes in.
        """
        source = self.sources[at]
        seconds = nbytes / source.bytes_per_s
        traffic: dict[str, float] = {source.name: nbytes}
        if source.hops:
            traffic[NOC] = nbytes * source.hops
        return Cost(seconds, traffic, {source.name: seconds}, source.name, nbytes * source.energy_j_per_byte)

    def budget(self, tokens: int) -> Budget:
        """What sections of a pass may take.

        Args:
            tokens: New tokens of the pass.
        """
        main = self.placement.role_bytes(self.chip.main_memory)
        residents = 0 if self.chip.memories else sum(main[role.value] for role in _STORED)
        activations = sum(row[0] for lot, row in self.placement.held.items() if lot.role is Role.ACTIVATION)
        free = self.chip.sram_bytes - residents - min(activations, self.chip.sram_bytes / 2)
        return Budget(max(1, -(-tokens // UNIT_TOKENS)), free / 2)
