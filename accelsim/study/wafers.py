"""What faults cost: chips with dead tiles and links against the intact one, as described or sampled.

Every chip is placed anew by the same placer and seed and simulated.  A loss is the latency, or the bytes x hops over
all on-chip links, as a multiple of the intact chip's, minus one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.engine.program import run_program
from accelsim.errors import ConfigError, PlacementError
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.faults import sample_faults, uncovered_tiles, without_faults
from accelsim.mapping.execution.spatial.run import PLACER_BUDGET
from accelsim.mapping.plan import Plan
from accelsim.placing import place

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Wafer:
    """One chip with faults.

    Attributes:
        dead_tiles: Dead tiles.
        uncovered_tiles: Those that spares do not cover.
        dead_links: Dead links.
        latency_s: Simulated; None if the model does not fit.
        byte_hops: Bytes x hops over all on-chip links; None if the model does not fit.
        refused: Why it does not fit; empty if it does.
    """

    dead_tiles: int
    uncovered_tiles: int
    dead_links: int
    latency_s: float | None
    byte_hops: float | None
    refused: str = ""


@dataclass(frozen=True)
class FaultLoss:
    """Chips with faults against the intact one.

    Attributes:
        plan: Plan of all of them, with what it left open filled in on the intact chip.
        intact: The chip without faults.
        wafers: Chips with faults.
    """

    plan: Plan
    intact: Wafer
    wafers: tuple[Wafer, ...]

    @property
    def working(self) -> tuple[Wafer, ...]:
        """Wafers that hold the model."""
        return tuple(wafer for wafer in self.wafers if wafer.latency_s is not None)

    def losses(self, figure: str) -> np.ndarray:
        """Relative loss of each working wafer in ``latency_s`` or ``byte_hops``. float64[W]."""
        values = np.array([getattr(wafer, figure) for wafer in self.working], dtype=np.float64)
        return np.asarray(values / getattr(self.intact, figure) - 1)

    def table(self) -> pd.DataFrame:
        """One row per wafer: faults, latency and bytes x hops with their losses; NaN where the model does not fit."""
        import pandas as pd

        frame = pd.DataFrame([{name: getattr(w, name) for name in Wafer.__slots__} for w in self.wafers])
        for figure in ("latency_s", "byte_hops"):
            frame[figure] = frame[figure].astype(float)
            frame[f"{figure.removesuffix('_s')}_loss"] = frame[figure] / getattr(self.intact, figure) - 1
        return frame


@dataclass(frozen=True, slots=True)
class Defects:
    """How chips with faults are sampled.

    Attributes:
        tiles: Probability that a tile is dead, beside the dead ones of the chip's file.
        links: The same of a link between two tiles.
        wafers: Chips to sample; wafer ``i`` of a seed has the same faults however many are sampled.

    Raises:
        ConfigError: A probability outside 0 to 1, or no wafers.
    """

    tiles: float = 0.0
    links: float = 0.0
    wafers: int = 1

    def __post_init__(self) -> None:
        for name, value in (("tile_defects", self.tiles), ("link_defects", self.links)):
            if not 0 <= value < 1:
                raise ConfigError(f"{name}: a probability is at least 0 and below 1, got {value}. Write e.g. 0.001.")
        if self.wafers < 1:
            raise ConfigError(f"wafers: at least 1, got {self.wafers}.")

    def sample(self, chip: Chip, seed: int, number: int) -> Chip:
        """The chip with the faults of wafer ``number`` of a seed on top.

        Args:
            chip: The chip with the faults that are described, if any.
            seed: Of the whole series of wafers.
            number: Which wafer of the series, from 0; equal numbers give equal faults, however many are drawn.
        """
        if not (self.tiles or self.links):
            return chip
        return sample_faults(chip, self.tiles, self.links, np.random.default_rng((seed, number)))


def fault_loss(
    case: Case, defects: Defects = Defects(), *, budget: int = PLACER_BUDGET, catalog: Catalog | None = None
) -> FaultLoss:
    """Place and simulate chips with the faults of their file, and with sampled ones on top, against the intact chip.

    Args:
        case: What is run, in spatial execution; what its plan leaves open is chosen on the intact chip. All chips of a
            system get the same faults. Its seed is that of the sampled faults and of the placer.
        defects: What is sampled.
        budget: Evaluations the placer may make for each chip.
        catalog: Where names are looked up.

    Raises:
        ConfigError: Bad input.
        CapacityError: The model does not fit the intact chip.
    """
    loaded = case.load(catalog).job.system

    def measure(chip: Chip, plan: Plan | str) -> tuple[Wafer, Plan]:
        run = place(case.on(replace(loaded, chip=chip)).but(plan=plan), budget=budget, catalog=catalog)
        return _wafer(chip, run_program(run.program).makespan_s, run.link_byte_hops), run.plan

    intact, chosen = measure(without_faults(loaded.chip), case.plan)
    found = []
    for number in range(defects.wafers):
        chip = defects.sample(loaded.chip, case.seed, number)
        try:
            found.append(measure(chip, chosen)[0])
        except PlacementError as error:  # a CapacityError is one
            found.append(_wafer(chip, None, None, str(error)))
    return FaultLoss(chosen, intact, tuple(found))


def _wafer(chip: Chip, latency_s: float | None, byte_hops: float | None, refused: str = "") -> Wafer:
    links = len(chip.noc.dead_links) if chip.noc is not None else 0
    return Wafer(len(set(chip.dead_tiles)), len(uncovered_tiles(chip)), links, latency_s, byte_hops, refused)
