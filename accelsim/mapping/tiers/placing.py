"""Which tensors lie in which memory of a chip: the fastest that holds them, what is read most per byte first.

Tensors of one name (the same weight of every layer), the KV cache, and the activations are a *lot* each.  Lots are put
down in order of the bytes that a pass moves over the bytes that are held; those that are alike in that share what a
memory has left, the same part of every copy, so all memories stream at once and in every layer the same.

Where all fits the main memory nothing streams.  Where it does not and operators work in the SRAM of their cores, half
of that is kept free for what they work on and what comes in meanwhile.

Not modelled: tensors that change their memory during a run, copies of one tensor in two memories.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from accelsim.errors import PlanError
from accelsim.hardware.chip import Chip
from accelsim.mapping.footprint import activation_peaks, kv_cache_bytes
from accelsim.mapping.plan import Plan
from accelsim.mapping.tiers.keys import KEY_OF_ROLE
from accelsim.workload.graph import Workload
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role

#: Part of the cores' SRAM that residents leave to operators and to what streams in.
WORKING_SHARE = 0.5
_ORDER = (Role.ACTIVATION, Role.KV_CACHE, Role.WEIGHT)


@dataclass(frozen=True, slots=True)
class Lot:
    """Tensors that are placed together.

    Attributes:
        role: What they are to the model.
        name: Name of the weight; empty for the KV cache and for activations, which are one lot each.
        held_bytes: Bytes of all copies.
        moved_bytes: Bytes that one pass reads and writes of them.
    """

    role: Role
    name: str
    held_bytes: int
    moved_bytes: int

    @property
    def reuse(self) -> float:
        """Bytes moved per byte held."""
        return self.moved_bytes / max(1, self.held_bytes)


@dataclass(frozen=True, eq=False)
class TierPlacement:
    """Where the tensors of one chip's share lie.

    Attributes:
        tiers: Names of the memories, the fastest first; the first is the main memory.
        held: Bytes of each lot in each memory, in the order of ``tiers``.
        short_bytes: Bytes that the memories lack for it.
    """

    tiers: tuple[str, ...]
    held: Mapping[Lot, tuple[int, ...]]
    short_bytes: int = 0

    @property
    def streams(self) -> bool:
        """Whether anything lies behind the main memory."""
        return any(nbytes for row in self.held.values() for nbytes in row[1:])

    def role_bytes(self, tier: str) -> dict[str, int]:
        """Bytes that a memory holds by role."""
        at = self.tiers.index(tier)
        found = {role.value: 0 for role in (Role.WEIGHT, Role.KV_CACHE, Role.ACTIVATION)}
        for lot, row in self.held.items():
            found[lot.role.value] += row[at]
        return found

    def shares_of(self, role: Role, name: str = "") -> tuple[float, ...]:
        """Part of a lot that lies in each memory behind the main one, in the order of ``tiers``.

        Args:
            role: Of its tensors.
            name: Of a weight.
        """
        return self._shares.get((role, name), self._none)

    @cached_property
    def _none(self) -> tuple[float, ...]:
        return (0.0,) * (len(self.tiers) - 1)

    @cached_property
    def _shares(self) -> dict[tuple[Role, str], tuple[float, ...]]:
        return {
            (lot.role, lot.name): tuple(nbytes / max(1, lot.held_bytes) for nbytes in row[1:])
            for lot, row in self.held.items()
        }


def place_tensors(workload: Workload, chip: Chip, plan: Plan) -> TierPlacement:
    """Where the tensors of one rank's share lie.

    Args:
        workload: The share, of the pass that holds most.
        chip: The chip with its memories.
        plan: May name the memory of weights, KV cache or activations.

    Raises:
        PlanError: It names a memory that the chip does not have.
    """
    tiers = (chip.main_memory, *chip.behind)
    named = {role: _named(plan, role, tiers, chip) for role in _ORDER}
    lots = list(lots_of(workload))
    total = sum(lot.held_bytes for lot in lots)
    main_bytes = chip.main_memory_bytes
    stays = total <= main_bytes and not any(named.values())
    if not stays and not chip.memories:
        main_bytes *= 1 - WORKING_SHARE
    free = [int(main_bytes), *(int(memory.capacity_bytes) for memory in chip.behind.values())]
    held: dict[Lot, tuple[int, ...]] = {}

    def rank(lot: Lot) -> tuple[bool, float, int]:
        """What has to lie in one memory comes first, the rest by reuse."""
        return named[lot.role] is None, -lot.reuse, _ORDER.index(lot.role)

    for _, group in itertools.groupby(sorted(lots, key=rank), key=rank):
        alike = tuple(group)
        only = named[alike[0].role]
        rows = _filled(alike, free, range(len(tiers)) if only is None else (only,))
        held |= zip(alike, rows, strict=True)
    return TierPlacement(tiers, held, sum(-left for left in free if left < 0))


def _filled(lots: Sequence[Lot], free: list[int], allowed: Sequence[int]) -> list[tuple[int, ...]]:
    """Bytes of each lot in each memory, all in the same parts; ``free`` is lowered, of the last below 0."""
    total = left = sum(lot.held_bytes for lot in lots)
    rows = [[0] * len(free) for _ in lots]
    for at in allowed[:-1]:
        taken = min(left, max(0, free[at]))
        before = 0
        for row, end in zip(rows, itertools.accumulate(lot.held_bytes for lot in lots), strict=True):
            upto = taken * end // total
            row[at], before = upto - before, upto
        free[at] -= taken
        left -= taken
    for lot, row in zip(lots, rows, strict=True):
        row[allowed[-1]] = lot.held_bytes - sum(row)
        free[allowed[-1]] -= row[allowed[-1]]
    return [tuple(row) for row in rows]


def lots_of(workload: Workload) -> Iterator[Lot]:
    """What is placed together, in the order of the model.

    Args:
        workload: One rank's share of the pass that holds most.
    """
    moved: dict[tuple[Role, str], int] = defaultdict(int)
    for segment in workload.segments:
        for operator in segment.graph:
            for (role, name), nbytes in moved_bytes(operator).items():
                moved[role, name] += segment.repeat * nbytes
    held: dict[tuple[Role, str], int] = defaultdict(int)
    held[Role.ACTIVATION, ""] = max(activation_peaks(workload))
    held[Role.KV_CACHE, ""] = sum(segment.repeat * kv_cache_bytes(segment.graph) for segment in workload.segments)
    for segment in workload.segments:
        for tensor in segment.graph.weights:
            is_stored = tensor.name in workload.tied_weights and (Role.WEIGHT, tensor.name) in held
            held[Role.WEIGHT, tensor.name] += 0 if is_stored else segment.repeat * tensor.size_bytes
    yield from (Lot(role, name, nbytes, moved[role, name]) for (role, name), nbytes in held.items() if nbytes)


def moved_bytes(operator: Operator) -> dict[tuple[Role, str], int]:
    """Bytes that an operator reads and writes of each lot, by role and name.

    Args:
        operator: One rank's share.
    """
    found: dict[tuple[Role, str], int] = defaultdict(int)
    read = [(tensor, operator.read_bytes(tensor)) for tensor in operator.inputs]
    for tensor, nbytes in (*read, *((tensor, tensor.size_bytes) for tensor in operator.outputs)):
        found[tensor.role, tensor.name if tensor.role is Role.WEIGHT else ""] += nbytes
    return found


def _named(plan: Plan, role: Role, tiers: tuple[str, ...], chip: Chip) -> int | None:
    """Number of the memory that the plan names for a role."""
    key = KEY_OF_ROLE[role]
    name = getattr(plan, key.name)
    if name is None:
        return None
    if name not in tiers:
        raise PlanError(f"plan: {key.name}={name}: {chip.name} has no such memory. Use one of: {', '.join(tiers)}.")
    return tiers.index(name)
