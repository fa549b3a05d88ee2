"""When light over an array of cores pays: one sum over the cores of a line, by the mesh and by the stations above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accelsim.cost.mesh import MeshCost, MeshMachine, mesh_machine
from accelsim.cost.mesh.kernels import all_reduce
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip


@dataclass(frozen=True, slots=True)
class LineSum:
    """A vector summed over every line of ``cores`` cores of a square, by the mesh and by the faster of mesh and light.

    Attributes:
        cores: Cores of a line, and lines side by side.
        elements: Of the vector that each core holds.
        transceivers: Wavelengths that a station sends at once.
        mesh_s: Over the mesh alone.
        light_s: With light where that is faster.
        mesh_j: Energy of the bytes over the mesh alone.
        light_j: Energy of the bytes with light.
        light_w: Power that lasers and rings burn always; 0 where light is not faster.
    """

    cores: int
    elements: int
    transceivers: int
    mesh_s: float
    light_s: float
    mesh_j: float
    light_j: float
    light_w: float

    @property
    def speedup(self) -> float:
        """Time over the mesh over time with light."""
        return self.mesh_s / self.light_s


def line_sums(
    chip: Chip, cores: Sequence[int], elements: Sequence[int], transceivers: Sequence[int], dtype: DType = DType.BF16
) -> Iterator[LineSum]:
    """Sums of several sizes over lines of several lengths.

    Args:
        chip: A mesh of cores with stations of light.
        cores: Lengths of lines.
        elements: Lengths of vectors.
        transceivers: Wavelengths that a station sends at once.
        dtype: Of the elements.

    Raises:
        ConfigError: The chip has no stations, or fewer wavelengths than transceivers are asked for.
    """
    machine, _ = mesh_machine(chip, dtype)
    light = machine.light
    if light is None:
        raise ConfigError(
            f"chip {chip.name}: its sums stay on the mesh. Add noc.optical with sums: best, or use sram-array-light."
        )
    for sent in transceivers:
        if not 1 <= sent <= light.num_channels:
            raise ConfigError(f"transceivers: {sent}, but {light.link.name} has 1 to {light.num_channels} wavelengths.")
        lit = replace(machine, light=replace(light, transceivers=sent))
        for length in cores:
            for size in elements:
                yield _compared(chip, lit, length, size, sent)


def _compared(chip: Chip, lit: MeshMachine, cores: int, elements: int, transceivers: int) -> LineSum:
    line, vector = np.asarray(float(cores)), np.asarray(float(elements))
    mesh = all_reduce(replace(lit, light=None), vector, line, line)
    light = all_reduce(lit, vector, line, line)
    return LineSum(
        cores,
        elements,
        transceivers,
        float(mesh.cycles) / lit.clock_hz,
        float(light.cycles) / lit.clock_hz,
        _moved_j(chip, lit, mesh),
        _moved_j(chip, lit, light),
        float(light.light_w),
    )


def _moved_j(chip: Chip, lit: MeshMachine, cost: MeshCost) -> float:
    """Energy of the bytes of a sum, in joules."""
    noc_j = 0.0 if chip.noc is None else chip.noc.energy_j_per_byte
    light_j = 0.0 if lit.light is None else lit.light.link.dynamic_j_per_byte
    sram_j = float(cost.sram_bytes) * chip.sram_energy_j_per_byte
    return sram_j + float(cost.noc_bytes) * noc_j + float(cost.optical_bytes) * light_j
