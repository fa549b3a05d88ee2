"""Spatial plans worth a run for ``--plan auto``: few, picked by the estimate of their sizing.

Groups own rectangles, or share chips (:mod:`~accelsim.mapping.execution.spatial.sharing`), whole or in pieces.  The
estimate of a plan is that of its groups on rectangles of their sizes and, for groups in pieces, of the multicast to
them and the sum from them across the tiles or chips they take.  It ranks; what is picked is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelsim.errors import REFUSALS
from accelsim.mapping.execution.spatial.between import Between
from accelsim.mapping.execution.spatial.divide import Divided, divide
from accelsim.mapping.execution.spatial.groups import flow_bytes
from accelsim.mapping.execution.spatial.pieces import whole_name
from accelsim.mapping.execution.spatial.prices import PriceBook
from accelsim.mapping.execution.spatial.run import one_replica, price_book
from accelsim.mapping.execution.spatial.sharing import shares_chips
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.workload.graph import Segment

#: Pieces tried beside as few as fit.
PIECES = (2, 4, 8)
#: A plan in pieces is run if its estimate is that much below the one in as few as fit: it has more tasks to play.
WORTH_A_RUN = 0.97
#: Pieces tried on chips that are shared.
TEAMS = (2, 4, 8, 16, 32, 64)
#: Replicas tried, each on its share of the chips.
REPLICAS = (2, 4, 8, 16, 32, 64)
#: Plans with shared chips that are run, the best by their estimates.
SHARED_RUNS = 3
#: An estimate that much above the best ends the search for pieces on shared chips.
HOPELESS = 2.0
#: Units up to which plans in pieces are tried: each has as many tasks as groups and ways between them.
MOST_UNITS = 64
#: Numbers of chips tried beside all: the next smaller ones, because more chips are longer ways.
FEWER_CHIPS = 3


def candidate_plans(job: Job) -> Iterator[Plan]:
    """Groups on rectangles of their own, and on shared chips where that promises a gain.

    Args:
        job: What is run, with a spatial plan of defaults.
    """
    try:
        largest, book = job.passes[-1].last.segments, price_book(job)
    except REFUSALS:
        yield job.plan  # its run says why
        return
    estimates: list[tuple[float, Plan]] = []
    if not shares_chips(job):
        try:
            whole = divide(job, largest, book)
        except REFUSALS:
            yield job.plan  # its run says why
        else:
            estimates.append((_estimated_s(job, whole), job.plan))
            yield from _own_plans(job, whole, largest, book)
    if job.system.num_chips > 1 or shares_chips(job):  # one chip that is shared is one operator after another on it
        own_s = min(estimates, key=_by_time)[0] if estimates else math.inf
        shared = [pair for pair in _shared_plans(job, largest, book) if pair[0] < own_s]
        yield from (plan for _, plan in shared)
        if not shared and shares_chips(job):
            yield job.plan  # its run says why
        estimates += shared
    if estimates:
        yield from _replicated(job, book, min(estimates, key=_by_time))


def _by_time(pair: tuple[float, Plan]) -> float:
    return pair[0]


def _replicated(job: Job, book: PriceBook, best: tuple[float, Plan]) -> Iterator[Plan]:
    """The best number of replicas of the best plan, where it promises a gain."""
    batch, found = job.phase.alike, [best]
    for replicas in REPLICAS:
        if replicas > job.system.num_chips or batch % replicas:
            break
        plan = best[1].replace(dp=replicas, chunk=None)
        try:
            one = one_replica(replace(job, plan=plan))
            divided = divide(one, one.passes[-1].last.segments, book)
        except REFUSALS:
            break
        found.append((_estimated_s(one, divided), plan))
    seconds, plan = min(found, key=_by_time)
    if seconds < WORTH_A_RUN * best[0]:
        yield plan


def _own_plans(job: Job, whole: Divided, largest: Sequence[Segment], book: PriceBook) -> Iterator[Plan]:
    """Whole groups on all chips and on fewer, and the best number of pieces where it promises a gain."""
    used = max(whole.sizes.chip_of) + 1
    plan = job.plan.replace(chunk=max(shape.tokens for shape in whole.stream.shapes))
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


def _shared_plans(job: Job, largest: Sequence[Segment], book: PriceBook) -> list[tuple[float, Plan]]:
    """The best few numbers of pieces on chips that groups share, with their estimates, the least first."""
    plan = job.plan if shares_chips(job) else job.plan.replace(rectangles="shared")
    found: list[tuple[float, Plan]] = []
    for pieces in (None, *(count for count in TEAMS if count <= job.system.num_chips)):
        one = plan.replace(pieces=pieces)
        try:
            divided = divide(replace(job, plan=one), largest, book)
        except REFUSALS:
            continue  # more pieces may fit
        seconds = _estimated_s(job, divided)
        if found and (seconds > HOPELESS * min(found, key=_by_time)[0] or divided.stream.num_units > MOST_UNITS):
            break
        found.append((seconds, one.replace(chunk=max(shape.tokens for shape in divided.stream.shapes))))
    return sorted(found, key=_by_time)[:SHARED_RUNS]


def _in_pieces(job: Job, plan: Plan, largest: Sequence[Segment], book: PriceBook) -> Iterator[tuple[Plan, Divided]]:
    for pieces in PIECES:
        one = plan.replace(pieces=pieces)
        try:
            yield one, divide(replace(job, plan=one), largest, book)
        except REFUSALS:
            return


def _estimated_s(job: Job, divided: Divided) -> float:
    stream, sizes = divided.stream, divided.sizes
    rounds = stream.num_units // stream.in_flight
    crossing_s = _between_chips_s(job, divided) if sizes.are_shared else _crossing_s(job, divided)
    return sizes.pipelined_s(stream.in_flight, rounds) + rounds * crossing_s


def _between_chips_s(job: Job, divided: Divided) -> float:
    """Time of one unit on its way to the pieces of every group and from them, over the links of the first of each."""
    pipeline, between = divided.pipeline, job.known.made(Between, job.system)
    mean_bytes, total_s = _mean_sum_bytes(divided), 0.0
    for family in pipeline.families:
        if not pipeline.parts[family.part].is_piece:
            continue
        of_family = [at for at, group in enumerate(pipeline.groups) if group.part in family.parts]
        first = whole_name(pipeline.groups[of_family[0]].name)
        team = {divided.sizes.chip_of[at] for at in of_family if whole_name(pipeline.groups[at].name) == first}
        if len(team) > 1:
            source, *others = sorted(team)
            tree = between.multicast(source, tuple(others))
            slowest = min(between.links[link][1] for link in between.with_ports(tree.links))
            total_s += 2 * family.passes * (tree.latency_s + mean_bytes / slowest)
    return total_s


def _mean_sum_bytes(divided: Divided) -> float:
    """Bytes of a sum of pieces, in the middle."""
    flows = divided.pipeline.flows
    sizes = flow_bytes(flows, divided.book.segments(divided.stream.typical))
    summed = {flow.consumer: int(nbytes) for flow, nbytes in zip(flows, sizes, strict=True) if flow.total}
    return sum(summed.values()) / max(1, len(summed))


def _crossing_s(job: Job, divided: Divided) -> float:
    """Time of one unit on its way to pieces and from them, over half of the square that they take."""
    noc, pipeline = job.system.chip.noc, divided.pipeline
    assert noc is not None
    mean_bytes = _mean_sum_bytes(divided)
    total_s = 0.0
    for family in pipeline.families:
        if pipeline.parts[family.part].is_piece:
            tiles = divided.sizes.tiles[family.part]
            side, own = math.sqrt(tiles * family.groups / family.passes), math.sqrt(tiles)
            wires_s = mean_bytes / (own * noc.link_bandwidth_bytes_per_s)
            total_s += 2 * family.passes * (side / 2 * noc.hop_latency_s + wires_s)
    return total_s
