"""What a run came to, as values: the ground that tables, summaries and drawings stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from accelsim.case.case import Case
from accelsim.dtypes import DType
from accelsim.engine.program import ProgramTimeline, run_program
from accelsim.hardware.profile import launches_kernels
from accelsim.hardware.system import System
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.plan import Plan
from accelsim.mapping.seating import Seating
from accelsim.results.account import Ledger
from accelsim.results.band import Band
from accelsim.results.bottleneck import Bottleneck
from accelsim.results.metrics import Utilisation
from accelsim.results.provenance import Provenance
from accelsim.results.shown import shown_program

if TYPE_CHECKING:
    from accelsim.mapping.execution.spatial.run import SpatialRun


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
        limit_w: Power limit of the chips; clocks fall where an operator would pass it.
    """

    mean_w: float
    peak_w: float
    limit_w: float


@dataclass(frozen=True)
class RunData:
    """One simulated run as plain values: what tables and summaries are drawn from.

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
    def bubble_s(self) -> float | None:
        """Idle seconds of a pipeline's stages in the run, mean of the stages; None without a pipeline."""
        fraction = self.bubble_fraction
        return None if fraction is None else fraction * self.latency_s

    @property
    def hfu_fraction(self) -> float:
        """Hardware FLOPs utilisation, see :data:`accelsim.results.metrics.HFU_DEFINITION`."""
        peak = self.machine.chip.peak_flops_per_s(DType(self.types["arithmetic"]))
        return self.ledger.flops / (self.latency_s * peak * self.num_chips)

    @property
    def energy_per_token_j(self) -> float:
        """Joules per token."""
        return self.energy.total_j / self.tokens

    @property
    def assumed_energies(self) -> tuple[str, ...]:
        """Those of :attr:`assumed` that are energies or powers."""
        return tuple(path for path in self.assumed if path.endswith(("energy", ".busy", ".idle")))

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
        profile = self.case.profile
        name = profile if isinstance(profile, str) else profile.name
        return name if launches_kernels(self.machine.chip) else ""

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
        """The steps that are shown, with the rate of every link over time; played again when first asked for.

        Of a long decode only those steps are played, so that starts of stages and totals are theirs.
        """
        return run_program(shown_program(self.mapped.program), record_rates=True)
