"""Runs of one graph with different sizes, as columns: a timeline is a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from accelsim.engine.taskgraph import Int64Array
from accelsim.engine.timeline import LinkRates, Timeline

RUN_COLUMNS = ("start_ticks", "end_ticks", "link_bytes", "link_busy_ticks", "server_busy_ticks")
#: Runs that others look at together.
ROWS_AT_ONCE = 4_096


@dataclass(frozen=True, eq=False)
class Runs:
    """What :class:`~accelsim.engine.timeline.Timeline` says of a run, for R runs at once.

    Attributes:
        start_ticks: Start of each task. int64[R, T].
        end_ticks: End of each task. int64[R, T].
        link_bytes: Bytes each link carried. int64[R, L].
        link_busy_ticks: Time with at least one flow on the link. int64[R, L].
        server_busy_ticks: Time each server was held. int64[R, S].
        makespan_ticks: End of the last task. int64[R].
        engine: What found them.
        wall_s: Wall-clock seconds of all.
        rates: Piecewise link rates of each, if recording was asked for.
    """

    start_ticks: Int64Array
    end_ticks: Int64Array
    link_bytes: Int64Array
    link_busy_ticks: Int64Array
    server_busy_ticks: Int64Array
    makespan_ticks: Int64Array
    engine: str
    wall_s: float = 0.0
    rates: tuple[LinkRates, ...] = ()

    @classmethod
    def of(cls, timelines: Sequence[Timeline]) -> Self:
        """The runs of timelines of one graph's tasks."""
        columns = {name: np.stack([getattr(one, name) for one in timelines]) for name in RUN_COLUMNS}
        makespan = np.array([one.makespan_ticks for one in timelines], dtype=np.int64)
        return cls(
            **columns,
            makespan_ticks=makespan,
            engine=timelines[0].engine,
            wall_s=sum(one.wall_s for one in timelines),
            rates=tuple(one.rates for one in timelines if one.rates is not None),
        )

    @classmethod
    def joined(cls, parts: Sequence[Runs]) -> Runs:
        """The runs of several parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in (*RUN_COLUMNS, "makespan_ticks")}
        return cls(**columns, engine=parts[0].engine, wall_s=sum(part.wall_s for part in parts), rates=())

    def __len__(self) -> int:
        return len(self.makespan_ticks)

    def parts(self) -> Iterator[Runs]:
        """The runs in consecutive parts of at most :data:`ROWS_AT_ONCE`, so that what is made of them stays small."""
        if len(self) <= ROWS_AT_ONCE:
            yield self
            return
        for first in range(0, len(self), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            columns = {name: getattr(self, name)[rows] for name in (*RUN_COLUMNS, "makespan_ticks")}
            yield replace(self, **columns, rates=self.rates[rows])

    @cached_property
    def only(self) -> Timeline:
        """The run, where there is one."""
        (row,) = range(len(self))
        return self._timeline(row)

    def timeline(self, row: int) -> Timeline:
        """One of the runs."""
        return self.only if len(self) == 1 and not row else self._timeline(row)

    def _timeline(self, row: int) -> Timeline:
        return Timeline(
            **{name: getattr(self, name)[row] for name in RUN_COLUMNS},
            makespan_ticks=int(self.makespan_ticks[row]),
            engine=self.engine,
            wall_s=self.wall_s / len(self),
            rates=self.rates[row] if self.rates else None,
        )
