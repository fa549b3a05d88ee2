"""How long a unit is, and how many tiles each group then gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from accelsim.cost.base import Region
from accelsim.errors import CapacityError
from accelsim.mapping.execution.spatial.groups import Pipeline, check_grouped
from accelsim.mapping.execution.spatial.prices import PriceBook, PriceOf, StreamPrices
from accelsim.mapping.execution.spatial.pricing import GroupPrice
from accelsim.mapping.execution.spatial.sizing import Sizes
from accelsim.mapping.execution.spatial.stream import Stream, build_stream, longest_unit
from accelsim.mapping.job import Job

#: A larger chunk is taken if its estimate is within this of the best: fewer units are cheaper to simulate and to run.
CHUNK_TOLERANCE = 1.02
#: A chunk whose estimate is that much above the best ends the search: the larger ones are slower still.
HOPELESS = 1.1
#: Tokens per unit tried when the plan names no chunk.
CHUNKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

#: Sizes for so many units under way, with what knows the buffers and prices of groups.
Sizer = Callable[[int, StreamPrices, PriceOf], Sizes]


def choose_chunk(job: Job, pipeline: Pipeline, book: PriceBook, sizer: Sizer) -> tuple[Stream, Sizes]:
    """The chunk that the plan asks for, or the one with the least estimated time; sizes that fit it.

    Args:
        job: Its plan may fix the chunk, its phase says how much there is to cut.
        pipeline: Groups, and what flows between them.
        book: Prices of groups on regions.
        sizer: Shares out tiles or chips for one chunk.

    Raises:
        CapacityError: The groups do not fit with the smallest chunk tried.
        PlanError: Some operators of a unit are in no group.
    """
    best: tuple[float, Stream, Sizes] | None = None
    refused: CapacityError | None = None
    for chunk in _chunks(job):
        stream = build_stream(job.phase, chunk)
        try:
            sizes = _sized(pipeline, stream, book, sizer)
        except CapacityError as error:
            refused = error
            break  # larger chunks need more
        time_s = sizes.pipelined_s(stream.in_flight, stream.num_units // stream.in_flight)
        if best is not None and time_s > HOPELESS * best[0]:
            break
        if best is None or time_s < best[0] * CHUNK_TOLERANCE:
            best = min(time_s, best[0] if best else time_s), stream, sizes
    if best is None:
        assert refused is not None
        raise refused
    return best[1], best[2]


def with_least_chunk(job: Job) -> Job:
    """The job with the smallest chunk that is tried for it: if that does not fit, none does."""
    return replace(job, plan=job.plan.replace(chunk=next(_chunks(job))))


def _chunks(job: Job) -> Iterator[int]:
    longest = longest_unit(job.phase)
    if job.plan.chunk is not None:
        yield min(job.plan.chunk, longest)
        return
    if not job.model.is_fixed:  # what is given for one pass goes through as one unit
        yield from (chunk for chunk in CHUNKS if chunk < longest)
    yield longest


def _sized(pipeline: Pipeline, stream: Stream, book: PriceBook, sizer: Sizer) -> Sizes:
    """Tiles of each group, by the price of a typical unit where the largest fits."""
    typical, fullest = stream.typical, stream.largest
    for shape in (stream.shapes[0], typical, fullest):
        check_grouped(pipeline, book.segments(shape))
    prices = StreamPrices(pipeline, stream, book)
    buffers = [prices.part_buffer_bytes(part) for part in range(len(pipeline.parts))]

    def price(index: int, region: Region) -> GroupPrice:
        part = pipeline.parts[index]
        largest = book.price(part, fullest, region, buffers[index])
        return largest if largest.short_bytes > 0 else book.price(part, typical, region, buffers[index])

    return sizer(stream.in_flight, prices, price)
