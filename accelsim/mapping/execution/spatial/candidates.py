"""Spatial plans worth a run for ``--plan auto``: few, picked by the estimate of their sizing.

The estimate of a plan is that of its groups on rectangles of their sizes and, for groups in pieces, of the multicast to
them and the sum from them across the tiles they take.  It ranks; what is picked is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelsim.errors import REFUSALS
from accelsim.mapping.execution.spatial.divide import Divided, divide
from accelsim.mapping.execution.spatial.groups import flow_bytes
from accelsim.mapping.execution.spatial.prices import PriceBook
from accelsim.mapping.execution.spatial.run import price_book
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.workload.graph import Segment

#: Pieces tried beside as few as fit.
PIECES = (2, 4, 8)
#: A plan in pieces is run if its estimate is that much below the one in as few as fit: it has more tasks to play.
WORTH_A_RUN = 0.97
#: Units up to which plans in pieces are tried: each has as many tasks as groups and ways between them.
MOST_UNITS = 64
#: Numbers of chips tried beside all: the next smaller ones, because more chips are longer ways.
FEWER_CHIPS = 3


def candidate_plans(job: Job) -> Iterator[Plan]:
    """Whole groups on all chips and on fewer, and the best number of pieces where it promises a gain.

    Args:
        job: What is run, with a spatial plan of defaults.
    """
    plan = job.plan
    try:
        largest, book = job.passes[-1].last.segments, price_book(job)
        whole = divide(job, largest, book)
    except REFUSALS:
        yield plan  # its run says why
        return
    used = max(whole.sizes.chip_of) + 1
    plan = plan.replace(chunk=max(shape.tokens for shape in whole.stream.shapes))
    yield plan
    for chips in range(used - 1, max(0, used - 1 - FEWER_CHIPS), -1):
        yield plan.replace(chips=chips)
    if whole.stream.num_units > MOST_UNITS:
        return
    cut = [(_estimated_s(job, divided), one) for one, divided in _in_pieces(job, plan, largest, book)]
    if cut:
        seconds, best = min(cut, key=lambda pair: pair[0])
        if seconds < WORTH_A_RUN * _estimated_s(job, whole):
            yield best


def _in_pieces(job: Job, plan: Plan, largest: Sequence[Segment], book: PriceBook) -> Iterator[tuple[Plan, Divided]]:
    for pieces in PIECES:
        one = plan.replace(pieces=pieces)
        try:
            yield one, divide(replace(job, plan=one), largest, book)
        except REFUSALS:
            return


def _estimated_s(job: Job, divided: Divided) -> float:
    stream, sizes = divided.stream, divided.sizes
    once_s = sizes.pipelined_s(stream.in_flight, stream.num_units // stream.in_flight)
    return once_s + stream.num_units // stream.in_flight * _crossing_s(job, divided)


def _crossing_s(job: Job, divided: Divided) -> float:
    """Time of one unit on its way to pieces and from them, over half of the square that they take."""
    noc, pipeline = job.system.chip.noc, divided.pipeline
    assert noc is not None
    sizes = flow_bytes(pipeline.flows, divided.book.segments(divided.stream.typical))
    summed = {flow.consumer: int(nbytes) for flow, nbytes in zip(pipeline.flows, sizes, strict=True) if flow.total}
    mean_bytes = sum(summed.values()) / max(1, len(summed))
    total_s = 0.0
    for family in pipeline.families:
        if pipeline.parts[family.part].is_piece:
            tiles = divided.sizes.tiles[family.part]
            side, own = math.sqrt(tiles * family.groups / family.passes), math.sqrt(tiles)
            wires_s = mean_bytes / (own * noc.link_bandwidth_bytes_per_s)
            total_s += 2 * family.passes * (side / 2 * noc.hop_latency_s + wires_s)
    return total_s
