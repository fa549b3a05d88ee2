"""What a spatial run executed, for the ledger: operators and transfers, equal executions together."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from accelsim.cost.cost import Cost
from accelsim.hardware.optical.array import OPTICAL_NOC
from accelsim.hardware.system import System
from accelsim.mapping.booking import Booking
from accelsim.mapping.execution.spatial.lanes import Lanes
from accelsim.mapping.execution.spatial.prices import PriceBook
from accelsim.mapping.execution.spatial.settle import Settled
from accelsim.network.optical.layer import optical_layer
from accelsim.workload.operator import Operator


@dataclass(slots=True)
class _Counted:
    """Equal executions of an operator, as they are found."""

    cost: Cost
    count: int = 0


@dataclass(slots=True)
class _Moved:
    """Equal movements of a tensor, as they are found."""

    link_bytes: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: float = 0.0
    count: int = 0


def book_run(run: Settled, book: PriceBook) -> list[Booking]:
    """Operators and transfers of ``run``; ``book`` knows the graphs of a shape.

    Args:
        run: Groups on their rectangles with the prices of every shape.
        book: Knows the operators of a shape.
    """
    pipeline, stream = run.walk.pipeline, run.walk.stream
    alike = Counter((group.part, row) for group, row in zip(pipeline.groups, run.prices, strict=True))
    found: dict[tuple[str, Operator, Cost], _Counted] = {}
    for (index, row), groups in alike.items():
        part = pipeline.parts[index]
        latest: dict[str, _Counted] = {}  # most operators cost the same in every shape: one object
        for at, price in enumerate(row):
            if price is None:
                continue
            for operator, cost in zip(book.operators(part, stream.shapes[at]), price.costs, strict=True):
                one = latest.get(operator.name)
                if one is None or one.cost is not cost:
                    one = latest[operator.name] = found.setdefault((part.block, operator, cost), _Counted(cost))
                one.count += groups * int(stream.counts[at])
    return [Booking.of(*what, one.count) for what, one in found.items()] + _transfers(run)


def _transfers(run: Settled) -> list[Booking]:
    """One booking per tensor and kind of way: bytes x hops on chips, bytes x links of each level between them.

    Each link of a tree counts once; what stays on its tiles moves nothing.
    """
    moved: dict[tuple[str, tuple[str, ...]], _Moved] = {}
    for cast in run.casts:
        lanes = run.lanes(cast)
        if lanes.stays:
            continue
        sums = moved.setdefault((cast.tensor, tuple(lanes.crossings) or (lanes.level or "noc",)), _Moved())
        sizes, inverse = np.unique(run.cast_bytes(cast), return_inverse=True)
        times = np.bincount(inverse, weights=run.walk.stream.counts).astype(int)
        for total, count in zip(sizes.tolist(), times.tolist(), strict=True):
            if total:
                carried = lanes.lane_bytes(total)
                sums.count += count
                sums.seconds += float(run.floor.alone_s(lanes, carried).max()) * count
                for level, crossed in _crossed(lanes, carried).items():
                    sums.link_bytes[level] += crossed * count
    return [_transfer(run.floor.system, tensor, sums) for (tensor, _), sums in moved.items() if sums.count]


def _crossed(lanes: Lanes, carried: npt.NDArray[np.int64]) -> dict[str, float]:
    """Bytes times links (hops on a mesh, one on light) of one transfer, by network."""
    if lanes.crossings:
        found = {level: crossed * float(carried.sum()) for level, crossed in lanes.crossings.items()}
        return found | ({"noc": float(carried @ lanes.hops)} if lanes.hops.any() else {})
    return {lanes.level: float(carried.sum())} if lanes.level else {"noc": float(carried @ lanes.hops)}


def _transfer(system: System, tensor: str, moved: _Moved) -> Booking:
    count, seconds = moved.count, moved.seconds / moved.count
    each = {level: link_bytes / count for level, link_bytes in moved.link_bytes.items()}
    limiter = max(each, key=lambda level: (level != "noc", each[level]))  # links between chips are the slow ones
    energy_j = sum(nbytes * _energy_j_per_byte(system, level) for level, nbytes in each.items())
    return Booking("stream", f"to {tensor}", Cost(seconds, each, {limiter: seconds}, limiter, energy_j), count)


def _energy_j_per_byte(system: System, level: str) -> float:
    if level == "noc":
        return system.chip.noc.energy_j_per_byte if system.chip.noc is not None else 0.0
    if level == OPTICAL_NOC:
        return optical_layer(system.chip).energy_j_per_byte
    return system.levels[level].link.energy_j_per_byte
