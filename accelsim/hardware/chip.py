"""A chip: a grid of cores, the memories they share, the network between them, and what each costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, field_validator

from accelsim.config.bounds import MAX_CORES, Amount, Count, CountOrNone
from accelsim.config.quantity import (
    Bytes,
    BytesPerS,
    FlopsPerS,
    Fraction,
    Hertz,
    JoulesPerByte,
    JoulesPerFlop,
    Metres,
    Seconds,
    Watts,
)
from accelsim.config.schema import Spec
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.calibration import CalibrationSection, parameters_from
from accelsim.hardware.memory import BackingMemory, Dataflow, Memory, Tile
from accelsim.hardware.optical.decibel import LossDb
from accelsim.warning import warn

ParametersT = TypeVar("ParametersT")
#: Forms of a calibration section that copies of a chip remember at once.
_MOST_READ = 4


class Voltage(Spec):
    """How the voltage of the cores follows their clock, as shares of both at the chip's clock."""

    slope: Fraction = Field(0.3, description="Share of the voltage that is lost per share of the clock.")
    floor: Fraction = Field(0.6, gt=0, description="Share of the voltage below which it does not fall.")


class SystolicArray(Spec):
    """The matrix units of one core."""

    rows: Count = Field(description="Rows of processing elements (the contracted axis).")
    cols: Count = Field(description="Columns of processing elements (the output axis).")
    arrays_per_core: Count = Field(1, description="Arrays of this shape in one core.")
    stationary: Literal["weights", "results"] = Field(
        "weights", description="What stays in an array while the other operands stream through it."
    )
    load_cycles: Mapping[DType, Count] = Field(
        default_factory=dict,
        description="Clocks in which arrays that hold weights take the next ones, by type; default: one for each row.",
    )
    shapes: tuple[tuple[Count, Count], ...] = Field(
        (), description="Further rows and columns that an array of results can be configured to."
    )


class OpticalNoc(Spec):
    """A layer of waveguides over the core grid: every cluster of cores has a station on a row and a column of them.

    It carries what moves between operators unless ``transfers`` is ``electrical``; within an operator's cores data
    stays on the electrical mesh, but for sums and gathers where ``sums`` is ``best``.
    """

    optics: str = Field(min_length=1, description="Optical link of each stretch of waveguide; a name of optics.")
    cluster: Count = Field(description="Rows and columns of cores that share a station.")
    core_pitch_m: Metres = Field(gt=0, description="Distance of two neighbouring cores.")
    station_loss_db: LossDb = Field(0.0, alias="station_loss", description="Loss of light that passes one station.")
    transceivers: Count | None = Field(
        None,
        description="Wavelengths that a station can send at once into one direction, and as many that it can receive; "
        "default: all of the optics.",
    )
    switch_s: Seconds = Field(0.0, description="Time to set a station's wavelengths to another path.")
    transfers: Literal["electrical", "optical"] = Field(
        "optical", description="How what moves between operators travels: over the mesh, or over light."
    )
    sums: Literal["electrical", "best"] = Field(
        "electrical",
        description="How sums and gathers inside an operator travel: over the mesh, or over light where faster.",
    )


class Noc(Spec):
    """The on-chip network joining neighbouring cores of the grid."""

    topology: Literal["mesh"] = Field("mesh", description="Shape of the network over the core grid.")
    link_bandwidth_bytes_per_s: BytesPerS = Field(gt=0, description="Bandwidth of one link, per direction.")
    hop_latency_s: Seconds = Field(description="Time of one hop from router to router.")
    energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy of one byte over one hop.")
    dead_links: tuple[tuple[Tile, Tile], ...] = Field(
        (),
        description="Links that do not work, each as its two neighbouring cores [[row, col], [row, col]]; both ways.",
    )
    optical: OpticalNoc | None = Field(None, description="Optical layer for traffic between operators, if any.")


class Checks(Spec):
    """Published figures that the structure of the file must reproduce; compared when a chip is loaded.

    Peaks are recomputed over ``published_cores``. Not compared after an override: a what-if may leave the published
    machine behind.
    """

    num_cores: int | None = Field(None, gt=0, le=MAX_CORES, description="Cores the published peaks count.")
    peak_flops: Mapping[DType, FlopsPerS] = Field(default_factory=dict, description="Dense matrix peaks.")
    vector_flops: Mapping[DType, FlopsPerS] = Field(default_factory=dict, description="Vector peaks.")
    sram_total_bytes: Bytes | None = Field(None, description="SRAM of all cores.")
    sram_bandwidth_total_bytes_per_s: BytesPerS | None = Field(None, description="SRAM bandwidth of all cores.")
    tolerance: Fraction = Field(0.01, description="Largest relative difference allowed.")
    tolerances: Mapping[str, Fraction] = Field(
        default_factory=dict, description="Other tolerances by check name, for figures published rounded."
    )


class Chip(Spec):
    """One chip (or wafer) as a frozen description; SI units inside, human units in YAML.

    Modelled: a grid of equal cores with a matrix unit, a vector unit and an SRAM each, shared memories, an on-chip
    network, launch overhead, power and energies, and the calibration of its cost model. Not modelled here: time, which
    is the cost model's.
    """

    schema_version: Literal[1]
    kind: Literal["chip"]
    name: str = Field(min_length=1, description="Name used on the command line; the file is called the same.")
    description: str = Field(description="Published figures, modelling decisions, what is left out.")
    cost_model: str = Field(description="Member of the cost-model registry that prices operators on its cores.")
    clock_hz: Hertz = Field(gt=0, description="Clock at which the published peaks are reached.")
    core_grid: tuple[Count, Count] = Field(
        description="Rows and columns of cores a program sees; an unplaced machine uses 1 x n."
    )
    published_cores: int | None = Field(
        None,
        gt=0,
        le=MAX_CORES,
        description="Cores the published peaks count, where the visible grid has fewer; for checks only.",
    )
    dead_tiles: tuple[Tile, ...] = Field(
        (), description="Cores that do not work, as (row, column) from 0; spatial execution goes around them."
    )
    bypass: bool = Field(
        False,
        description="Whether links lead past a dead core: rows of a rectangle then skip the dead ones in it.",
    )
    spare_rows: CountOrNone = Field(0, description="Last rows of the grid, kept free to replace rows with dead cores.")
    spare_cols: CountOrNone = Field(
        0, description="Last columns of the grid, kept free; each row shifts past as many dead cores."
    )
    matrix_flops_per_cycle: Mapping[DType, Amount] = Field(
        description="Dense matrix FLOPs per core and cycle (FMA = 2)."
    )
    vector_flops_per_cycle: Mapping[DType, Amount] = Field(description="Vector FLOPs per core and cycle (FMA = 2).")
    sram_per_core_bytes: Bytes = Field(gt=0, description="Software-managed SRAM of one core.")
    sram_bandwidth_per_core_bytes_per_s: BytesPerS = Field(gt=0, description="SRAM bandwidth of one core, all ports.")
    memories: Mapping[str, Memory] = Field(default_factory=dict, description="Shared memories, nearest the core first.")
    behind: Mapping[str, BackingMemory] = Field(
        default_factory=dict,
        description="Memories behind the main one, the fastest first: what a plan places there streams in.",
    )
    dataflow: Dataflow | None = Field(
        None, description="Whether and how operators lie side by side on its cores (execution=fused)."
    )
    systolic: SystolicArray | None = Field(None, description="Shape of the matrix unit, for the systolic cost model.")
    noc: Noc | None = Field(None, description="On-chip network, for machines whose cores talk to neighbours.")
    launch_s: Seconds = Field(0.0, description="Time from one kernel's end to the next kernel's start on one stream.")
    tdp_w: Watts = Field(description="Board or system power limit.")
    idle_w: Watts = Field(0.0, description="Power drawn while nothing runs.")
    busy_w: Watts = Field(
        0.0, description="Power on top of idle while anything runs: clocks, instruction issue, leakage, regulators."
    )
    voltage: Voltage = Field(
        default_factory=Voltage, description="Voltage of the cores at clocks that fall under the power limit."
    )
    matrix_energy_j_per_flop: JoulesPerFlop = Field(0.0, description="Dynamic energy of one matrix FLOP at bf16/fp16.")
    vector_energy_j_per_flop: JoulesPerFlop = Field(0.0, description="Dynamic energy of one vector FLOP.")
    sram_energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy of one byte to or from a core's SRAM.")
    calibration: Mapping[str, CalibrationSection] = Field(
        default_factory=dict, description="Calibrated numbers of the cost model, by kernel family."
    )
    calibration_from: Mapping[str, str] = Field(
        default_factory=dict,
        description="Calibration sections taken over from another chip, by its name; results warn of it.",
    )
    checks: Checks | None = Field(None, description="Published figures that the structure must reproduce.")

    @field_validator("core_grid")
    @classmethod
    def _few_cores(cls, grid: tuple[int, int]) -> tuple[int, int]:
        if math.prod(grid) > MAX_CORES:
            raise ValueError(f"has {math.prod(grid)} cores; at most {MAX_CORES} are modelled.")
        return grid

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed; it shares the sections that were read, which know their values.

        Args:
            update: New values by field; they are not checked again. None changes nothing.
            deep: Copy the values of fields too, as pydantic does.
        """
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__["_read"] = self._read
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        """Pickled without what was read from the calibration, which is read again."""
        state = super().__getstate__()
        return state | {"__dict__": {name: value for name, value in state["__dict__"].items() if name != "_read"}}

    @property
    def num_cores(self) -> int:
        """Cores of the grid."""
        return math.prod(self.core_grid)

    @property
    def sram_bytes(self) -> float:
        """SRAM of all cores of the grid, in bytes."""
        return self.num_cores * self.sram_per_core_bytes

    @property
    def main_memory(self) -> str:
        """Where a model lives: the farthest shared memory, or ``"sram"`` on a chip that has none."""
        return [*self.memories][-1] if self.memories else "sram"

    @property
    def all_memories(self) -> dict[str, Memory]:
        """Every memory but the SRAM of the cores, nearest the cores first."""
        return {**self.memories, **self.behind}

    @property
    def main_memory_bytes(self) -> float:
        """Capacity of :attr:`main_memory`, in bytes."""
        return self.memories[self.main_memory].capacity_bytes if self.memories else self.sram_bytes

    @property
    def main_memory_bandwidth_bytes_per_s(self) -> float:
        """Peak bandwidth of :attr:`main_memory`, in bytes/s; of all cores' SRAM where that is the main memory."""
        if self.memories:
            return self.memories[self.main_memory].bandwidth_bytes_per_s
        return self.num_cores * self.sram_bandwidth_per_core_bytes_per_s

    def peak_flops_per_s(self, dtype: DType, num_cores: int | None = None) -> float:
        """Dense peak of ``num_cores`` cores (default: all) in ``dtype``, in FLOP/s.

        That of the matrix unit, or of the vector unit for a type only the vector unit has (fp32 on most machines).

        Args:
            dtype: Element type of the operands.
            num_cores: Cores at work; None is the whole grid.

        Raises:
            ConfigError: The chip does not run ``dtype``.
        """
        rate = self.matrix_flops_per_cycle.get(dtype, self.vector_flops_per_cycle.get(dtype))
        if rate is None:
            known = sorted({d.value for d in (*self.matrix_flops_per_cycle, *self.vector_flops_per_cycle)})
            raise ConfigError(f"chip {self.name}: no rate for {dtype.value}. Use one of: {', '.join(known)}.")
        return rate * self.clock_hz * (self.num_cores if num_cores is None else num_cores)

    def vector_flops_per_s(self, dtype: DType = DType.FP32, num_cores: int | None = None) -> float:
        """Peak of the vector units of ``num_cores`` cores (default: all), in FLOP/s.

        A type without a rate of its own is computed in fp32.

        Args:
            dtype: Element type of the operands.
            num_cores: Cores at work; None is the whole grid.

        Raises:
            ConfigError: Neither ``dtype`` nor fp32 has a rate.
        """
        rate = self.vector_flops_per_cycle.get(dtype, self.vector_flops_per_cycle.get(DType.FP32))
        if rate is None:
            known = sorted(d.value for d in self.vector_flops_per_cycle)
            raise ConfigError(
                f"chip {self.name}: no vector rate for {dtype.value} or fp32. Use one of: {', '.join(known) or 'none'}."
            )
        return rate * self.clock_hz * (self.num_cores if num_cores is None else num_cores)

    def calibrated(self, section: str, parameters: type[ParametersT]) -> ParametersT:
        """The calibration section called ``section`` as a ``parameters`` dataclass.

        Keys are field names without their unit suffix (``launch: 2.3 us`` fills ``launch_s``); fields with a default
        may be left out; a section that is absent counts as empty.

        Args:
            section: Key under ``calibration``, e.g. ``gemm``.
            parameters: Frozen dataclass of the numbers that a kernel family is priced from.

        Returns:
            One object per section, read once and shared by copies of the chip.

        Raises:
            ConfigError: A key is unknown or missing, or a value has the wrong form; chip, section and key are named.
        """
        values = self.calibration.get(section, {})
        # A copy of the chip shares what was read; a section that an override replaced is another object, and the two
        # may take turns (a run and its what-ifs).
        read = self._read.get((section, parameters), ())
        found: ParametersT
        for of, found in read:
            if of is values:
                return found
        found = parameters_from(f"chip {self.name}: calibration.{section}", values, parameters)
        self._read[section, parameters] = ((values, found), *read)[:_MOST_READ]
        return found

    def inherited(self, section: str) -> tuple[str, ...]:
        """The warning for results that rest on another chip's calibration ``section``; none for the chip's own."""
        other = self.calibration_from.get(section)
        text = f"{self.name}: {section} calibration inherited from {other}"
        return (warn("inherited-calibration", text),) if other is not None else ()

    @cached_property
    def _read(self) -> dict[tuple[str, type[Any]], tuple[tuple[Mapping[str, Any], Any], ...]]:
        """Sections read so far, each with its plain values: every operator asks for one."""
        return {}

    def check_problems(self) -> list[str]:
        """One text per published figure that the structure does not reproduce; empty when all agree."""
        if self.checks is None:
            return []
        cores = self.published_cores or self.num_cores
        pairs: dict[str, tuple[float, float | None]] = {
            "num_cores": (cores, self.checks.num_cores),
            "sram_total": (cores * self.sram_per_core_bytes, self.checks.sram_total_bytes),
            "sram_bandwidth_total": (
                cores * self.sram_bandwidth_per_core_bytes_per_s,
                self.checks.sram_bandwidth_total_bytes_per_s,
            ),
        }
        scale = cores * self.clock_hz
        for dtype, published in self.checks.peak_flops.items():
            pairs[f"peak_flops.{dtype.value}"] = (self.matrix_flops_per_cycle.get(dtype, 0.0) * scale, published)
        for dtype, published in self.checks.vector_flops.items():
            pairs[f"vector_flops.{dtype.value}"] = (self.vector_flops_per_cycle.get(dtype, 0.0) * scale, published)
        unknown = sorted(set(self.checks.tolerances) - set(pairs))
        problems = [f"checks.tolerances.{name}: no such check. Known: {', '.join(pairs)}." for name in unknown]
        for name, (structure, figure) in pairs.items():
            tolerance = self.checks.tolerances.get(name, self.checks.tolerance)
            if figure is not None and abs(structure - figure) > tolerance * figure:
                problems.append(
                    f"checks.{name}: the structure gives {structure:.6g}, published is {figure:.6g} "
                    f"(allowed difference {tolerance:.1%}). Correct the value or the check."
                )
        return problems
