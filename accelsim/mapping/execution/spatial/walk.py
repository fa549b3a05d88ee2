"""Units that walk through groups, before these have places: what flows, and what each group would cost anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.mapping.execution.spatial.groups import Pipeline, flow_bytes
from accelsim.mapping.execution.spatial.prices import PriceBook, StreamPrices
from accelsim.mapping.execution.spatial.stream import Stream


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
    return Walk(pipeline, stream, _flow_bytes(pipeline, stream, book), StreamPrices(pipeline, stream, book))


def _flow_bytes(pipeline: Pipeline, stream: Stream, book: PriceBook) -> npt.NDArray[np.int64]:
    table = np.zeros((len(pipeline.flows), len(stream.shapes)), dtype=np.int64)
    for at, shape in enumerate(stream.shapes):
        segments = book.segments(shape)
        known: dict[tuple[int, str], int] = {}
        for index, flow in enumerate(pipeline.flows):
            key = flow.segment, flow.tensor
            if key not in known:
                known[key] = flow_bytes(flow, segments)
            if shape.has_logits or flow.segment != pipeline.last_segment:
                table[index, at] = known[key]
    return table
