"""What a run delivers: when every task ran and what every link and server carried."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import to_seconds
from accelsim.engine.fair.grid import RateGrid

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LinkRates:
    """Piecewise constant rate of every link, for heat maps; times without traffic are left out.

    Rows are sorted by (link, start) and neighbours of equal rate are merged.

    Attributes:
        link: Link of each piece. int32[N].
        start_ticks: Start of each piece. int64[N].
        end_ticks: End of each piece. int64[N].
        bytes_per_s: Sum of the rates of the flows on the link. float64[N].
    """

    link: npt.NDArray[np.int32]
    start_ticks: Int64Array
    end_ticks: Int64Array
    bytes_per_s: npt.NDArray[np.float64]


class RateRecorder:
    """Collects the changes of link rates of one run, in any order of links.

    Args:
        num_links: Links of the graph.
        grid: Unit of the rates.
    """

    def __init__(self, num_links: int, grid: RateGrid) -> None:
        self._grid = grid
        self._units = [0] * num_links
        self._since_ticks = [0] * num_links
        self._rows: list[tuple[int, int, int, int]] = []

    def change(self, link: int, now_ticks: int, units: int) -> None:
        """Note the rate of a link from ``now_ticks`` on.

        Args:
            link: Index of the link.
            now_ticks: From when on.
            units: Sum of the rates of the flows that cross it.
        """
        old = self._units[link]
        if units == old:
            return
        since = self._since_ticks[link]
        if old > 0 and now_ticks > since:
            self._rows.append((link, since, now_ticks, old))
        self._units[link] = units
        self._since_ticks[link] = now_ticks

    def rates(self, now_ticks: int) -> LinkRates:
        """Close what is open and return all pieces."""
        for link in range(len(self._since_ticks)):
            self.change(link, now_ticks, 0)
        rows = self._rows
        return sorted_rates(
            np.array([row[0] for row in rows], dtype=np.int32),
            np.array([row[1] for row in rows], dtype=np.int64),
            np.array([row[2] for row in rows], dtype=np.int64),
            self._grid.bytes_per_s(np.array([row[3] for row in rows], dtype=np.int64)),
        )


def sorted_rates(
    link: npt.NDArray[np.int32],
    start_ticks: Int64Array,
    end_ticks: Int64Array,
    bytes_per_s: npt.NDArray[np.float64],
) -> LinkRates:
    """Bring pieces into the order of :class:`LinkRates`.

    Args:
        link: Index of the link of each piece. int32[pieces].
        start_ticks: Where it begins. int64[pieces].
        end_ticks: Where it ends. int64[pieces].
        bytes_per_s: Rate in between. float64[pieces].
    """
    order = np.lexsort((start_ticks, link))
    return LinkRates(
        link=link[order],
        start_ticks=start_ticks[order],
        end_ticks=end_ticks[order],
        bytes_per_s=bytes_per_s[order],
    )


@dataclass(frozen=True, eq=False)
class Timeline:
    """The result of one run; both engines deliver the same to the tick.

    Attributes:
        start_ticks: Start of each task. int64[T].
        end_ticks: End of each task. int64[T].
        link_bytes: Bytes each link carried. int64[L].
        link_busy_ticks: Time with at least one flow on the link. int64[L].
        server_busy_ticks: Time each server was held. int64[S].
        makespan_ticks: End of the last task.
        engine: Engine that ran it, ``"simpy"`` or ``"compiled"``.
        wall_s: Wall-clock seconds of the run, not part of the result proper.
        rates: Piecewise link rates, if recording was asked for.
    """

    start_ticks: Int64Array
    end_ticks: Int64Array
    link_bytes: Int64Array
    link_busy_ticks: Int64Array
    server_busy_ticks: Int64Array
    makespan_ticks: int
    engine: str
    wall_s: float = field(default=0.0, repr=False)
    rates: LinkRates | None = field(default=None, repr=False)

    @property
    def num_tasks(self) -> int:
        """Tasks that ran."""
        return len(self.start_ticks)

    @property
    def makespan_s(self) -> float:
        """End of the last task, in seconds."""
        return to_seconds(self.makespan_ticks)

    @property
    def start_s(self) -> npt.NDArray[np.float64]:
        """Start of each task, in seconds."""
        return to_seconds(self.start_ticks)

    @property
    def end_s(self) -> npt.NDArray[np.float64]:
        """End of each task, in seconds."""
        return to_seconds(self.end_ticks)

    def digest(self) -> str:
        """SHA-256 of everything simulated (not of engine and wall time): equal runs, equal digests."""
        arrays = [
            self.start_ticks,
            self.end_ticks,
            self.link_bytes,
            self.link_busy_ticks,
            self.server_busy_ticks,
        ]
        if self.rates is not None:
            arrays += [self.rates.link.astype(np.int64), self.rates.start_ticks, self.rates.end_ticks]
            arrays.append(self.rates.bytes_per_s.view(np.int64))
        sha = hashlib.sha256(str(self.makespan_ticks).encode())
        for array in arrays:
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()
