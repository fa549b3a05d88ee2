"""Units that walk through groups, before these have places: what flows, and what each group would cost anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.mapping.execution.spatial.groups import Pipeline, flow_bytes
from accelsim.mapping.execution.spatial.prices import PriceBook, StreamPrices
from accelsim.mapping.execution.spatial.stream import Shape, Stream


@dataclass(frozen=True, eq=False)
class Walk:
    """A stream through a pipeline.

    Attributes:
        pipeline: Groups and flows.
        stream: Units.
        flow_bytes: Bytes of each flow for each shape. int64[F, shapes].
        prices: What a part costs on any region.
    """

    pipeline: Pipeline
    stream: Stream
    flow_bytes: npt.NDArray[np.int64]
    prices: StreamPrices

    @property
    def flow_total_bytes(self) -> npt.NDArray[np.int64]:
        """Bytes of each flow in the whole run. int64[F]."""
        return np.asarray(self.flow_bytes @ self.stream.counts, dtype=np.int64)


def walk_through(pipeline: Pipeline, stream: Stream, book: PriceBook) -> Walk:
    """The walk of ``stream`` through ``pipeline``.

    Args:
        pipeline: Groups, and what flows between them.
        stream: The units with their shapes.
        book: Knows graphs and prices.
    """
    return Walk(pipeline, stream, _all_bytes(pipeline, stream, book), StreamPrices(pipeline, stream, book))


def _all_bytes(pipeline: Pipeline, stream: Stream, book: PriceBook) -> npt.NDArray[np.int64]:
    table = np.zeros((len(pipeline.flows), len(stream.shapes)), dtype=np.int64)
    is_last = np.array([flow.segment == pipeline.last_segment for flow in pipeline.flows])
    for alike in _alike_but_for_cache(stream.shapes):
        first, last = (flow_bytes(pipeline.flows, book.segments(stream.shapes[at])) for at in (alike[0], alike[-1]))
        same = np.array_equal(first, last)  # only scores that are written out grow with the cache
        for at in alike:
            shape = stream.shapes[at]
            carried = first if same else flow_bytes(pipeline.flows, book.segments(shape))
            table[:, at] = carried if shape.has_logits else np.where(is_last, 0, carried)
    return table


def _alike_but_for_cache(shapes: Sequence[Shape]) -> list[list[int]]:
    """Numbers of shapes that differ in cached tokens only, together and by them."""
    found: dict[tuple[int, int], list[int]] = {}
    for at, shape in enumerate(shapes):
        found.setdefault((shape.batch, shape.q_len), []).append(at)
    return [sorted(alike, key=lambda at: shapes[at].past_len) for alike in found.values()]
