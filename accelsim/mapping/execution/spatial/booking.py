"""What a spatial run executed, for the ledger: operators and transfers, equal executions together."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from accelsim.cost.cost import Cost
from accelsim.hardware.optical.array import OPTICAL_NOC
from accelsim.hardware.system import System
from accelsim.mapping.booking import Booking
from accelsim.mapping.execution.spatial.prices import PriceBook
from accelsim.mapping.execution.spatial.settle import Settled
from accelsim.network.optical.layer import optical_layer
from accelsim.workload.operator import Operator


@dataclass(slots=True)
class _Counted:
    """Equal executions of an operator, as they are found."""

    cost: Cost
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
    """One booking per tensor and kind of way: bytes x hops on a chip (each link of a tree once), or between chips."""
    moved: dict[tuple[str, str], tuple[float, float, int]] = defaultdict(lambda: (0.0, 0.0, 0))
    for cast in run.casts:
        lanes = run.lanes(cast)
        key = cast.tensor, lanes.level or "noc"
        hops = lanes.hops if lanes.level is None else np.ones(len(lanes.routes))
        sizes, inverse = np.unique(run.cast_bytes(cast), return_inverse=True)
        times = np.bincount(inverse, weights=run.walk.stream.counts).astype(int)
        for total, count in zip(sizes.tolist(), times.tolist(), strict=True):
            if total:
                carried = lanes.lane_bytes(total)
                byte_hops, seconds, executions = moved[key]
                moved[key] = (
                    byte_hops + float(carried @ hops) * count,
                    seconds + float(run.floor.alone_s(lanes, carried).max()) * count,
                    executions + count,
                )
    return [_transfer(run.floor.system, tensor, level, *sums) for (tensor, level), sums in moved.items()]


def _transfer(system: System, tensor: str, level: str, byte_hops: float, seconds: float, count: int) -> Booking:
    if level == "noc":
        energy_j_per_byte = system.chip.noc.energy_j_per_byte if system.chip.noc is not None else 0.0
    elif level == OPTICAL_NOC:
        energy_j_per_byte = optical_layer(system.chip).energy_j_per_byte
    else:
        energy_j_per_byte = system.levels[level].link.energy_j_per_byte
    each = byte_hops / count
    cost = Cost(seconds / count, {level: each}, {level: seconds / count}, level, each * energy_j_per_byte)
    return Booking("stream", f"to {tensor}", cost, count)
