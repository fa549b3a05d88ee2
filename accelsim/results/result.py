"""The answer of a run: latency, traffic, energy, limits, and everything needed to trust or repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.case.case import Case
from accelsim.engine.program import ProgramTimeline, run_program
from accelsim.errors import ConfigError
from accelsim.hardware.profile import launches_kernels
from accelsim.hardware.system import System
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.plan import Plan
from accelsim.mapping.seating import Seating
from accelsim.registry import did_you_mean
from accelsim.results.account import Ledger
from accelsim.results.band import Band
from accelsim.results.bill import Rates, bill
from accelsim.results.bottleneck import Bottleneck
from accelsim.results.metrics import Utilisation
from accelsim.results.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.mapping.execution.spatial.run import SpatialRun
    from accelsim.results.tables.columns import Columns


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules of all chips of the plan.

    Attributes:
        dynamic_j: Operators and transfers, by the operation and the byte.
        busy_j: What chips draw on top of idle whenever they work, whatever on; see docs/assumptions.md#energy-busy.
        static_j: Idle power of every chip and of links whose lasers are on, over the latency.
    """

    dynamic_j: float
    busy_j: float
    static_j: float

    @property
    def total_j(self) -> float:
        """All three."""
        return self.dynamic_j + self.busy_j + self.static_j


@dataclass(frozen=True, slots=True)
class Power:
    """Power of all chips of the plan.

    Attributes:
        mean_w: Energy over latency.
        peak_w: Highest power at any moment of the timeline.
        limit_w: Power limit of the chips; a peak above it would lower the clocks, which is not modelled.
    """

    mean_w: float
    peak_w: float
    limit_w: float


@dataclass(frozen=True)
class Result:
    """One simulated run.

    Attributes:
        model: Name of the model.
        system: Name of the system with its size, e.g. ``"nvidia-dgx-a100:8"``.
        phase: Kind and sizes of the phase, e.g. ``{"kind": "decode", "batch": 1, "context": 2048, "steps": 1}``.
        plan: The plan that ran.
        dtype: Short name of the element types: the format of the narrowest weights.
        types: Element types by role: weights and inputs of products by part of the model, activations, cache, sums.
        latency_s: Duration of the phase, in seconds.
        band: Interval of the latency that the residuals of the calibrations leave.
        tokens: Tokens produced (decode) or processed (prefill), all sequences.
        ledger: Seconds and bytes by operator, cause, level and role.
        footprint: Memory of the fullest chip.
        utilisation: MFU and MBU.
        energy: Joules.
        bottleneck: What limits, and what relieving it gives.
        warnings: What makes the number less certain.
        assumed: Paths of hardware values that are assumptions.
        num_simulated_tasks: Tasks the engine played (folded ones once).
        provenance: The case that was run and the files that were read.
        machine: The simulated system.
        mapped: The job on its machine: the simulated program and what it stands for.
        timeline: What the engine returned.
        rates: Prices of chips and carbon of the grid, where the user states them.
    """

    model: str
    system: str
    phase: Mapping[str, Any]
    plan: Plan
    dtype: str
    types: Mapping[str, str]
    latency_s: float
    band: Band
    tokens: int
    ledger: Ledger
    footprint: Footprint
    utilisation: Utilisation
    energy: Energy
    bottleneck: Bottleneck
    warnings: tuple[str, ...]
    assumed: tuple[str, ...]
    num_simulated_tasks: int
    provenance: Provenance
    machine: System = field(repr=False)
    mapped: Mapped = field(repr=False)
    timeline: ProgramTimeline = field(repr=False)
    rates: Rates = field(default=Rates(), repr=False)

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all sequences per second."""
        return self.tokens / self.latency_s

    @property
    def tokens_per_s_band(self) -> tuple[float, float]:
        """Lowest and highest tokens per second of the error band."""
        return self.tokens / self.band.high_s, self.tokens / self.band.low_s

    @property
    def bubble_fraction(self) -> float | None:
        """Idle part of a pipeline's stages, see :data:`accelsim.results.metrics.BUBBLE_DEFINITION`; None without."""
        cells = self.mapped.cells
        return None if cells is None else cells.bubble_fraction(self.timeline.stages[0].timeline)

    @property
    def energy_per_token_j(self) -> float:
        """Joules per token."""
        return self.energy.total_j / self.tokens

    @property
    def bill(self) -> dict[str, dict[str, float]]:
        """Cost and carbon at the stated :attr:`rates`; empty without."""
        return bill(self, self.rates)

    @property
    def assumed_energies(self) -> tuple[str, ...]:
        """Those of :attr:`assumed` that are energies or powers."""
        return tuple(path for path in self.assumed if path.endswith(("energy", ".busy", ".idle")))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the JSON of ``accelsim run --json``."""
        from accelsim.results.summary import summarise

        return summarise(self)

    @property
    def case(self) -> Case:
        """What was asked for; ``simulate(result.case)`` repeats the run."""
        return self.provenance.case

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Plain data that the run can be repeated from: version, input files with hashes, every option."""
        return self.provenance.manifest

    @property
    def profile(self) -> str:
        """Launch profile of the run; empty on chips whose operators no host launches."""
        return str(self.manifest["profile"]) if launches_kernels(self.machine.chip) else ""

    @property
    def num_chips(self) -> int:
        """Chips at work."""
        return self.mapped.num_chips

    @property
    def spatial(self) -> SpatialRun | None:
        """Groups on their tiles, in an execution that has such."""
        return self.mapped.on_tiles

    @property
    def seating(self) -> Seating | None:
        """Chips of the ranks and what they gain, where the plan names who seats them."""
        return self.mapped.seating

    @cached_property
    def rated_timeline(self) -> ProgramTimeline:
        """The run with the rate of every link over time; played again, with the same outcome, when first asked for."""
        return run_program(self.mapped.program, record_rates=True)

    @cached_property
    def power(self) -> Power:
        """Mean and highest power of all chips, against their limit."""
        peak_w = float(np.max(self.columns("power")["power_w"]))
        return Power(self.energy.total_j / self.latency_s, peak_w, self.machine.chip.tdp_w * self.num_chips)

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables of :data:`accelsim.results.tables.TABLES`.

        Raises:
            ConfigError: There is no such table.
        """
        import pandas as pd

        return pd.DataFrame(dict(self.columns(name)))

    def columns(self, name: str) -> Columns:
        """The columns of :meth:`table` as lists and arrays by name, without pandas.

        Raises:
            ConfigError: There is no such table.
        """
        from accelsim.results.tables import TABLES

        if name not in TABLES:
            raise ConfigError(f"no table {name!r}. Known: {', '.join(TABLES)}.{did_you_mean(name, list(TABLES))}")
        return TABLES[name](self)

    def operators(self) -> pd.DataFrame:
        """One row per operator of each block: count, seconds by cause, FLOPs, bytes by level, joules."""
        return self.table("operators")

    def causes(self) -> pd.DataFrame:
        """Latency by cause: seconds and share."""
        return self.table("causes")

    def traffic(self) -> pd.DataFrame:
        """Bytes by memory level or network, all chips, with mean and peak bandwidth."""
        return self.table("traffic")

    def save(self, folder: Path | str, tables: str = "auto") -> None:
        """Write ``result.json`` and every table into ``folder``; :func:`accelsim.load_result` opens it again.

        Args:
            folder: Made if missing.
            tables: ``"csv"``, ``"parquet"``, or ``"auto"``: Parquet for long tables where pyarrow is installed.

        Raises:
            ConfigError: The folder cannot be made or written, or Parquet is asked for without pyarrow.
        """
        from accelsim.results.save import save_result

        save_result(self, Path(folder), tables)

    def __repr__(self) -> str:
        return f"Result({self.model} {self.phase['kind']} on {self.system}, plan {self.plan}: {self.latency_s:.4g} s)"

    def _repr_html_(self) -> str:
        """What a notebook shows: the figures, the bottleneck sentence and the longest operators."""
        from accelsim.results.notebook import notebook_html

        return notebook_html(self)
