"""A chip: a grid of cores, the memories they share, the network between them, and what each costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import Field

from accelsim.config.quantity import Bytes, BytesPerS, Fraction, Hertz, JoulesPerByte, JoulesPerFlop, Seconds, Watts
from accelsim.config.schema import Spec
from accelsim.dtypes import DType
from accelsim.errors import ConfigError

ParametersT = TypeVar("ParametersT")


class Memory(Spec):
    """A memory shared by all cores of a chip (an L2, an HBM stack); one entry of ``chip.memories``."""

    capacity_bytes: Bytes = Field(description="Bytes a program can use.")
    bandwidth_bytes_per_s: BytesPerS = Field(description="Published peak bandwidth, reads and writes together.")
    latency_s: Seconds = Field(0.0, description="Load-to-use latency of one access.")
    energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy to move one byte between it and a core.")


class SystolicArray(Spec):
    """The weight-stationary matrix units of one core."""

    rows: int = Field(gt=0, description="Rows of processing elements (the contracted axis).")
    cols: int = Field(gt=0, description="Columns of processing elements (the output axis).")
    arrays_per_core: int = Field(1, gt=0, description="Arrays of this shape in one core.")


class Noc(Spec):
    """The on-chip network joining neighbouring cores of the grid."""

    topology: Literal["mesh"] = Field("mesh", description="Shape of the network over the core grid.")
    link_bandwidth_bytes_per_s: BytesPerS = Field(description="Bandwidth of one link, per direction.")
    hop_latency_s: Seconds = Field(description="Time of one hop from router to router.")
    energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy of one byte over one hop.")


class Chip(Spec):
    """One chip (or wafer) as a frozen description; SI units inside, human units in YAML."""

    schema_version: Literal[1]
    kind: Literal["chip"]
    name: str
    description: str = Field(description="Published figures, modelling decisions, what is left out.")
    cost_model: str = Field(description="Member of the cost-model registry that prices operators on its cores.")
    clock_hz: Hertz = Field(description="Clock at which the published peaks are reached.")
    core_grid: tuple[int, int] = Field(description="Rows and columns of cores; an unplaced machine uses 1 x n.")
    matrix_flops_per_cycle: Mapping[DType, float] = Field(description="Dense matrix FLOPs per core and cycle (FMA = 2).")
    vector_flops_per_cycle: Mapping[DType, float] = Field(description="Vector FLOPs per core and cycle (FMA = 2).")
    sram_per_core_bytes: Bytes = Field(description="Software-managed SRAM of one core.")
    sram_bandwidth_per_core_bytes_per_s: BytesPerS = Field(description="SRAM bandwidth of one core, all ports.")
    memories: Mapping[str, Memory] = Field(default_factory=dict, description="Shared memories, nearest the core first.")
    systolic: SystolicArray | None = Field(None, description="Shape of the matrix unit, for the systolic cost model.")
    noc: Noc | None = Field(None, description="On-chip network, for machines whose cores talk to neighbours.")
    launch_s: Seconds = Field(0.0, description="Time from one kernel's end to the next kernel's start on one stream.")
    tdp_w: Watts = Field(description="Board or system power limit.")
    idle_w: Watts = Field(0.0, description="Power drawn while nothing runs.")
    matrix_energy_j_per_flop: JoulesPerFlop = Field(0.0, description="Dynamic energy of one matrix FLOP at bf16/fp16.")
    vector_energy_j_per_flop: JoulesPerFlop = Field(0.0, description="Dynamic energy of one vector FLOP.")
    sram_energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy of one byte to or from a core's SRAM.")
    calibration: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict, description="Calibrated numbers of the cost model, by kernel family."
    )

    @property
    def num_cores(self) -> int:
        """Cores of the grid."""
        return math.prod(self.core_grid)

    def peak_flops_per_s(self, dtype: DType, num_cores: int | None = None) -> float:
        """Dense matrix peak of ``num_cores`` cores (default: all), in FLOP/s.

        Raises:
            ConfigError: The chip's matrix unit does not run ``dtype``.
        """
        rate = self.matrix_flops_per_cycle.get(dtype)
        if rate is None:
            known = ", ".join(sorted(d.value for d in self.matrix_flops_per_cycle))
            raise ConfigError(f"chip {self.name}: no matrix rate for {dtype.value}. Use one of: {known}.")
        return rate * self.clock_hz * (self.num_cores if num_cores is None else num_cores)
