"""What chips send each other: traffic matrices of the collectives of a run, phase after phase.

The form is that of ``accelsim optics policies --traffic``: a phase is a block with its collectives in order, ``times``
is how often it runs.  Bytes are those of the algorithm that ran, over all groups that play it at once; algorithms that
are no list of messages between ranks (in-network reduction, kernels of experts) are taken as rings or all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.mapping.ranks import schedule_of
from accelsim.mapping.seating import seats_of
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats
from accelsim.results.data import RunData
from accelsim.results.tables.columns import Columns, text_column
from accelsim.workload.operator import Operator

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Sent:
    """A collective of a phase.

    Attributes:
        phase: Number of the phase.
        collective: Number of the collective in it.
        block: Name of the block.
        operator: Name of the operator.
        times: How often the phase runs.
        nbytes: From chip to chip. int64[chips, chips].
    """

    phase: int
    collective: int
    block: str
    operator: str
    times: int
    nbytes: IntArray


def between_table(result: RunData) -> Columns:
    """One row per pair of chips in each collective: bytes of one execution, and how often its phase runs."""
    sent = list(_sent(result))
    pairs = [np.argwhere(one.nbytes > 0) for one in sent]
    rows = np.array([len(pair) for pair in pairs], dtype=np.int64)
    src, dst = (np.concatenate([np.zeros(0, np.int64), *(pair[:, side] for pair in pairs)]) for side in (0, 1))
    nbytes = [one.nbytes[pair[:, 0], pair[:, 1]] for one, pair in zip(sent, pairs, strict=True)]
    return {
        "phase": np.repeat(np.array([one.phase for one in sent], dtype=np.int64), rows),
        "collective": np.repeat(np.array([one.collective for one in sent], dtype=np.int64), rows),
        "block": np.repeat(text_column(one.block for one in sent), rows),
        "operator": np.repeat(text_column(one.operator for one in sent), rows),
        "src": src,
        "dst": dst,
        "bytes": np.concatenate([np.zeros(0, np.int64), *nbytes]),
        "times": np.repeat(np.array([one.times for one in sent], dtype=np.int64), rows),
    }


def _sent(result: RunData) -> Iterator[_Sent]:
    if result.num_chips == 1:
        return
    if result.mapped.on_tiles is not None:
        yield from _between_tiles(result)
    elif result.mapped.overlapped is not None:
        yield from _of_stages(result)
    else:
        yield from _of_blocks(result)


def _of_blocks(result: RunData) -> Iterator[_Sent]:
    """Collectives of each block; the steps of a decode are as often as they are."""
    seats, phase = seats_of(result.plan, result.mapped.seating), 0
    for series, blocks in result.mapped.blocks_by_series:
        for stage, block in zip(series.stages, blocks, strict=True):
            between = [(one.operator, one.cost.call.algorithm) for one in block.operators if _is_between(one.operator)]
            for index, (operator, algorithm) in enumerate(between):
                matrix = _matrix(operator, algorithm, seats, result.machine.num_chips)
                yield _Sent(phase, index, block.name, operator.name, stage.repeat * series.rounds, matrix)
            phase += bool(between)


def _of_stages(result: RunData) -> Iterator[_Sent]:
    """Collectives of the cells of a pipeline, and what its stages send on."""
    seats, ran = seats_of(result.plan, result.mapped.seating), result.mapped.overlapped
    pricer = NetworkPricer(result.machine, seats)
    bookings = [] if ran is None else [one for one in ran.bookings if one.operator and _is_between(one.operator)]
    for phase, one in enumerate(bookings):
        if one.operator is not None and ran is not None:
            algorithm = pricer.cost(one.operator).call.algorithm
            matrix = _matrix(one.operator, algorithm, seats, result.machine.num_chips)
            yield _Sent(phase, 0, one.block, one.name, one.count // ran.alike, matrix)


def _between_tiles(result: RunData) -> Iterator[_Sent]:
    """All that groups on one chip send to groups on another, in one phase."""
    run = result.mapped.on_tiles
    if run is None:
        return
    matrix = np.zeros((result.machine.num_chips, result.machine.num_chips), dtype=np.int64)
    for cast in run.settled.casts:
        chips = [[run.floor.spots[group].chip for group in ends] for ends in (cast.producers, cast.consumers)]
        nbytes = int(run.flow_total_bytes[cast.flows[0]])
        for src in dict.fromkeys(chips[0]):
            for dst in dict.fromkeys(chips[1]):
                matrix[src, dst] += nbytes if src != dst else 0
    if matrix.any():
        yield _Sent(0, 0, "stream", "activations", 1, matrix)


def _is_between(operator: Operator) -> bool:
    """Whether ranks of a group exchange something."""
    group = getattr(operator, "group", None)
    return group is not None and group.size > 1


def _matrix(operator: Operator, algorithm: str, seats: Seats, num_chips: int) -> IntArray:
    """Bytes from chip to chip of one execution, all groups."""
    group, kind = getattr(operator, "group"), getattr(operator, "function", operator.kind)  # noqa: B009
    source = getattr(operator, "source", None)
    members = seats.groups(group) if source is None else seats.pairs(group, source)
    schedule = schedule_of(kind, getattr(operator, "nbytes"), algorithm, members.shape[1])  # noqa: B009
    found = np.zeros((num_chips, num_chips), dtype=np.int64)
    nbytes = np.broadcast_to(schedule.nbytes, (len(members), len(schedule.src)))
    np.add.at(found, (members[:, schedule.src], members[:, schedule.dst]), nbytes)
    return found
