"""Where a group lives, and the lanes over which bytes go from some groups to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from accelsim.network.noc import Rectangle

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a group lives.

    Attributes:
        chip: Number of the chip.
        rectangle: Its tiles.
    """

    chip: int
    rectangle: Rectangle


@dataclass(frozen=True, eq=False)
class Lanes:
    """A transfer from one spot to others as flows side by side.

    Attributes:
        routes: Links of each lane, ids of the floor; of a lane to several spots the links of its tree, each once.
        latency_s: First byte of each lane. float64[lanes].
        shares: Part of the bytes that each lane carries, running sum. float64[lanes].
        hops: Core hops of each lane on chips. float64[lanes].
        level: Name of the optical layer that is crossed, or None on a chip's mesh.
        branches: Links of each lane to each spot, where there are several.
        crossings: Links of each system level that every byte crosses; empty on a chip.
        turns: For each lane, what it waits its turn for, as light paths that share wavelengths do; empty: nothing.
        set_s: Part of the latency in which a light path is set. float64[lanes], where there are turns.
    """

    routes: tuple[tuple[int, ...], ...]
    latency_s: FloatArray
    shares: FloatArray
    hops: FloatArray
    level: str | None = None
    branches: tuple[tuple[tuple[int, ...], ...], ...] = ()
    crossings: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[str, ...] = ()
    set_s: FloatArray | float = 0.0

    def lane_bytes(self, nbytes: int) -> npt.NDArray[np.int64]:
        """Whole bytes of each lane that sum to ``nbytes``. int64[lanes]."""
        ends = np.rint(self.shares * nbytes).astype(np.int64)
        return np.diff(ends, prepend=0)

    @property
    def stays(self) -> bool:
        """Whether the bytes stay on the tiles where they are."""
        return not any(self.routes)
