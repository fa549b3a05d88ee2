"""A model divided: into groups, these into pieces, and the tiles among all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from accelsim.errors import CapacityError, PlanError
from accelsim.mapping.execution.spatial.chunk import choose_chunk
from accelsim.mapping.execution.spatial.groups import Pipeline, build_pipeline
from accelsim.mapping.execution.spatial.pieces import Pieces, cut, group_of, most_pieces, whole_name
from accelsim.mapping.execution.spatial.prices import PriceBook, PriceOf, StreamPrices
from accelsim.mapping.execution.spatial.sharing import Teams, share_chips, shares_chips
from accelsim.mapping.execution.spatial.sizing import PartTooLarge, Sizes, Space, free_space, size_groups
from accelsim.mapping.execution.spatial.stream import Stream
from accelsim.mapping.footprint import kv_cache_bytes
from accelsim.mapping.job import Job
from accelsim.mapping.placement.constraints import PlacementConstraints, ResolvedConstraints
from accelsim.mapping.plan import Plan
from accelsim.units import format_quantity
from accelsim.workload.graph import Segment, Workload
from accelsim.workload.operators.tree_sum import MOST_INPUTS
from accelsim.workload.phase import Phase


@dataclass(frozen=True, eq=False)
class Divided:
    """Groups with their tiles, before they have places.

    Attributes:
        pipeline: Groups and flows.
        stream: Units.
        sizes: Tiles of each part.
        book: Prices of the groups as they were cut.
        constraints: Those of the job, by number of group.
    """

    pipeline: Pipeline
    stream: Stream
    sizes: Sizes
    book: PriceBook
    constraints: ResolvedConstraints


def divide(job: Job, largest: Sequence[Segment], book: PriceBook) -> Divided:
    """The groups of a job, each in as many pieces as the plan asks for, or as few as fit a chip.

    A group that fits no rectangle of a chip is cut into twice as many pieces until it does, on however many chips.
    What was found for a job, or why it is refused, is known again to the book.

    Args:
        job: What is mapped.
        largest: Segments of the traversal that holds most, all sequences.
        book: Of the job's model and chip.

    Raises:
        CapacityError: Groups that cannot be cut further, or all together, need more SRAM than there is.
        PlanError: Unknown granularity, pieces of whole layers, or more chips than there are.
    """
    asked = _Asked(job.plan.replace(placer=None), job.phase, job.system.num_chips, job.constraints)
    found = book.known(asked)
    if found is None:
        try:
            found = _divide(job, largest, book)
        except CapacityError as error:
            found = error
        book.learn(asked, found)
    if isinstance(found, CapacityError):
        raise found
    assert isinstance(found, Divided)
    named = replace(asked, plan=asked.plan.replace(chunk=max(shape.tokens for shape in found.stream.shapes)))
    if named != asked:
        book.learn(named, found)  # the chunk that was found need not be looked for
    return found


@dataclass(frozen=True)
class _Asked:
    """What decides how a model of known prices is divided."""

    plan: Plan
    phase: Phase
    num_chips: int
    constraints: PlacementConstraints | None


def _divide(job: Job, largest: Sequence[Segment], book: PriceBook) -> Divided:
    if job.plan.chips is not None and job.plan.chips > job.system.num_chips:
        raise PlanError(f"plan: chips={job.plan.chips}, {job.system.name} has {job.system.num_chips}.")
    most = most_pieces(largest) if job.plan.granularity != "layer" else {}
    if job.plan.pieces is not None and not most:
        raise PlanError("pieces: a layer as a whole is not cut. Use granularity=block or operator.")
    if job.plan.pieces is not None and job.plan.pieces > MOST_INPUTS:
        raise PlanError(f"plan: pieces={job.plan.pieces}; at most {MOST_INPUTS} partial results are added up.")
    pieces = {group: min(job.plan.pieces or 1, count) for group, count in most.items()}
    if shares_chips(job):
        return _divided_among_teams(job, largest, book, most)
    return _cut_until_it_fits(partial(_divided, job, largest, book), most, pieces, largest)


def _check_total(largest: Sequence[Segment], teams: Teams) -> None:
    """Refuse at once what no division fits: weights and KV cache beyond the SRAM of all chips."""
    weights = Workload("", tuple(largest), tokens=1).weight_bytes
    kv_bytes = sum(segment.repeat * kv_cache_bytes(segment.graph) for segment in largest)
    there = teams.num_chips * teams.capacity_bytes
    if (short := weights + kv_bytes - there) > 0:
        raise CapacityError(
            f"spatial on {teams.num_chips} x {teams.chip.name}, shared: weights {format_quantity(weights, 'bytes')} "
            f"and KV cache {format_quantity(kv_bytes, 'bytes')}, all chips have {format_quantity(there, 'bytes')}: "
            f"{format_quantity(short, 'bytes')} of SRAM short.",
            short,
        )


def _divided_among_teams(job: Job, largest: Sequence[Segment], book: PriceBook, most: Pieces) -> Divided:
    """The groups on chips that they share, all in twice as many pieces until the chips hold them."""
    num_chips, count = job.plan.chips or job.system.num_chips, job.plan.pieces or 1
    _check_total(largest, Teams(job.system.chip, num_chips, 1))
    while True:
        pieces = {group: min(count, limit) for group, limit in most.items()}
        deal = partial(_dealt, job, largest, book, Teams(job.system.chip, num_chips, min(count, num_chips)))
        try:
            return _cut_until_it_fits(deal, most, pieces, largest)
        except CapacityError:
            if job.plan.pieces is not None or 2 * count > min(num_chips, max(most.values(), default=1)):
                raise
        count *= 2


def _dealt(job: Job, largest: Sequence[Segment], book: PriceBook, teams: Teams, pieces: Pieces) -> Divided:
    own = book.cut(pieces)
    pipeline = build_pipeline(cut(largest, pieces), job.plan.granularity, job.phase.feeds_back)
    stream, sizes = choose_chunk(job, pipeline, own, partial(share_chips, pipeline, teams))
    return Divided(pipeline, stream, sizes, own, ResolvedConstraints())


def _cut_until_it_fits(
    divided: Callable[[Pieces], Divided], most: Pieces, pieces: Pieces, largest: Sequence[Segment]
) -> Divided:
    """What ``divided`` makes of as few pieces as fit: of a group that is too large it gets twice as many."""
    while True:
        try:
            return divided(pieces)
        except PartTooLarge as error:
            group = f"{largest[error.part.segment].name}.{whole_name(group_of(error.part.operators[0]))}"
            is_rest = pieces.get(group, 1) > 1 and not error.part.is_piece
            if is_rest or pieces.get(group) == most.get(group):
                raise
            pieces = {**pieces, group: min(2 * pieces[group], most[group])}


def _divided(job: Job, largest: Sequence[Segment], book: PriceBook, pieces: Pieces) -> Divided:
    book = book.cut(pieces)
    pipeline = build_pipeline(cut(largest, pieces), job.plan.granularity, job.phase.feeds_back)
    names = [group.name for group in pipeline.groups]
    constraints = job.constraints.resolve(names) if job.constraints is not None else ResolvedConstraints()
    space = free_space(job.system.chip, job.plan.chips or job.system.num_chips, constraints, names)
    stream, sizes = choose_chunk(job, pipeline, book, partial(_size, pipeline, space))
    return Divided(pipeline, stream, sizes, book, constraints)


def _size(pipeline: Pipeline, space: Space, units: int, _: StreamPrices, price_of: PriceOf) -> Sizes:
    return size_groups(pipeline, space, units, price_of)
