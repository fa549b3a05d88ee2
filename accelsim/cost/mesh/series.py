"""Attention in every step of a decode on a mesh, priced as columns: what the definition says step by step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from accelsim.cost.columns import CostColumns, FloatArray
from accelsim.cost.elementwise import Values
from accelsim.cost.mesh.attention import few_queries
from accelsim.cost.mesh.machine import MeshCost, MeshMachine
from accelsim.hardware.chip import Chip
from accelsim.workload.steps import OperatorSeries

#: Steps that are looked at together, so that what is made of them stays small.
STEPS_AT_ONCE = 8_192


def attention_columns(
    operators: OperatorSeries, machine: MeshMachine, chip: Chip, cores: tuple[Values, Values], causes: Mapping[str, str]
) -> CostColumns:
    """Costs of the fastest way that fits, in every step; where none fits, of the fastest.

    Args:
        operators: An attention of one new token per sequence.
        machine: A core and its links, in cycles.
        chip: The chip with its energies.
        cores: Rows and columns of cores.
        causes: Cause -> part of a cost.
    """
    seen = operators.column(lambda operator: float(operator.attended_positions))
    parts = [
        _chosen(operators, machine, seen[first : first + STEPS_AT_ONCE], cores)
        for first in range(0, operators.count, STEPS_AT_ONCE)
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    parts_s = {cause: columns[part] / machine.clock_hz for cause, part in causes.items()}
    traffic_bytes = {"sram": columns["sram_bytes"], "noc": columns["noc_bytes"]}
    flops = operators.column(lambda operator: operator.flops)
    energy_j = flops * chip.matrix_energy_j_per_flop + traffic_bytes["sram"] * chip.sram_energy_j_per_byte
    if chip.noc is not None:
        energy_j = energy_j + traffic_bytes["noc"] * chip.noc.energy_j_per_byte
    return CostColumns(sum(parts_s.values(), np.zeros(())), traffic_bytes, parts_s, energy_j, np.zeros_like(energy_j))


def _chosen(
    operators: OperatorSeries, machine: MeshMachine, seen: FloatArray, cores: tuple[Values, Values]
) -> dict[str, FloatArray]:
    """The cost of the way that is taken in each step, by name of its part."""
    first: Any = operators.first
    batch, tokens = (np.asarray(float(size)) for size in (first.batch, first.q_len))
    ways = [*few_queries(first, machine, (batch, tokens, seen), cores).values()]
    cycles = np.stack([np.broadcast_to(way.cycles, seen.shape) for way in ways])
    fits = np.stack([np.broadcast_to(way.tile_bytes <= machine.sram_bytes, seen.shape) for way in ways])
    fitting = np.where(fits, cycles, np.inf)
    taken = np.where(fits.any(axis=0), fitting.argmin(axis=0), cycles.argmin(axis=0))[None]
    return {
        one.name: np.take_along_axis(
            np.stack([np.broadcast_to(getattr(way, one.name), seen.shape) for way in ways]), taken, axis=0
        )[0]
        for one in dataclasses.fields(MeshCost)
    }
