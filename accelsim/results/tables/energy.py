"""Energy by component and class of operator; power over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.program import StageTimeline
from accelsim.mapping.spatial.lowering import LoweredPipeline
from accelsim.mapping.streaming import HOST_LINK
from accelsim.network.optical.layer import OPTICAL_NOC, optical_layer
from accelsim.results.account import OperatorRow

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.results.result import Result

FloatArray = npt.NDArray[np.float64]

#: Most steps of the power of one stage.
MAX_STEPS = 2_000
#: Energy inside the cores (arithmetic and operand SRAM), and what is drawn while nothing runs.
CORES, STATIC = "cores", "static"


def energy_table(result: Result) -> pd.DataFrame:
    """Joules of all chips by component and kind of operator; sums to the energy of the run.

    A memory level, network or link counts its bytes times its energy per byte; ``cores`` is the rest of an operator's
    dynamic energy: arithmetic and the operands read from the cores' own SRAM, which cost models price together.
    ``static`` is the idle power of every chip over the latency.
    """
    import pandas as pd

    split: dict[tuple[str, str], float] = {}
    for row in result.ledger.rows:
        left = row.energy_j
        for level, energy_j in _moved_j(result, row).items():
            split[level, row.kind] = split.get((level, row.kind), 0.0) + energy_j
            left -= energy_j
        # What is left may be rounding of the subtraction; it is booked all the same, so that the sum is exact.
        split[CORES, row.kind] = split.get((CORES, row.kind), 0.0) + left
    rows = [
        {"component": component, "kind": kind, "energy_j": energy_j, "share": energy_j / (result.energy.total_j or 1.0)}
        for (component, kind), energy_j in split.items()
        if abs(energy_j) > 1e-12 * result.energy.total_j
    ]
    static = result.energy.static_j
    rows.append({"component": STATIC, "kind": "", "energy_j": static, "share": static / (result.energy.total_j or 1.0)})
    return pd.DataFrame(rows, columns=["component", "kind", "energy_j", "share"])


def _moved_j(result: Result, row: OperatorRow) -> dict[str, float]:
    """Energy of the bytes of a row by level; nothing is moved for an operator that is priced without energy."""
    if row.energy_j <= 0.0:
        return {}
    return {level: nbytes * _j_per_byte(result, level) for level, nbytes in row.traffic_bytes.items()}


def _j_per_byte(result: Result, level: str) -> float:
    chip = result.machine.chip
    if level in chip.memories:
        return chip.memories[level].energy_j_per_byte
    if level in result.machine.levels:
        return result.machine.levels[level].link.energy_j_per_byte
    if level == "sram":
        return chip.sram_energy_j_per_byte
    if level == HOST_LINK and result.machine.host is not None:
        return result.machine.host.link.energy_j_per_byte
    if level == "noc" and chip.noc is not None:
        return chip.noc.energy_j_per_byte
    if level == OPTICAL_NOC:
        return optical_layer(chip).energy_j_per_byte
    return 0.0


def power_table(result: Result) -> pd.DataFrame:
    """Power of all chips over time: constant from ``start_s`` to ``end_s``; times duration and repeat, the energy.

    The dynamic energy of an operator is spread evenly over the time its tasks run (where operators stream through their
    own rectangles, that of all operators over all tasks); idle power is added throughout.  Stages that repeat show
    their first repetition; a stage of more than :data:`MAX_STEPS` steps is averaged over as many equal slices.  Not
    modelled: clocks that fall when power passes the limit, power of hosts, switches and cooling.
    """
    import pandas as pd

    static_w = result.energy.static_j / result.latency_s
    once: dict[int, tuple[FloatArray, FloatArray]] = {}
    columns: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("stage", "repeat", "start_s", "end_s", "power_w")
    }
    for index, (stage, joules) in enumerate(zip(result.timeline.stages, _joules(result), strict=True)):
        if id(stage.timeline) not in once:
            once[id(stage.timeline)] = _steps(stage, joules)
        cuts_s, watts = once[id(stage.timeline)]
        offset_s = stage.start_ticks / TICKS_PER_S
        columns["stage"].append(np.full(len(watts), index))
        columns["repeat"].append(np.full(len(watts), stage.stage.repeat))
        columns["start_s"].append(offset_s + cuts_s[:-1])
        columns["end_s"].append(offset_s + cuts_s[1:])
        columns["power_w"].append(static_w + watts)
    return pd.DataFrame({name: np.concatenate(column) for name, column in columns.items()})


def _joules(result: Result) -> Iterator[FloatArray]:
    """Dynamic energy of one repetition of each stage by label, all chips."""
    if isinstance(result.lowered, LoweredPipeline):
        stage = result.timeline.stages[0]
        took = np.bincount(stage.stage.graph.label, _took_s(stage), len(stage.stage.graph.labels))
        yield result.energy.dynamic_j * took / took.sum()
        return
    for block in result.lowered.blocks:
        yield np.array([priced.cost.energy_j * result.num_chips for priced in block.operators])


def _took_s(stage: StageTimeline) -> FloatArray:
    return (stage.timeline.end_ticks - stage.timeline.start_ticks) / TICKS_PER_S


def _steps(stage: StageTimeline, joules: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cuts of one repetition, in seconds, and the dynamic power between them."""
    graph, timeline = stage.stage.graph, stage.timeline
    took_s = _took_s(stage)
    label_s = np.bincount(graph.label, took_s, len(joules))
    watts = np.divide(joules, label_s, out=np.zeros(len(joules)), where=label_s > 0)[graph.label]
    ticks = np.unique(np.concatenate([[0, timeline.makespan_ticks], timeline.start_ticks, timeline.end_ticks]))
    change = np.zeros(len(ticks))
    np.add.at(change, np.searchsorted(ticks, timeline.start_ticks), watts)
    np.subtract.at(change, np.searchsorted(ticks, timeline.end_ticks), watts)
    cuts_s = ticks / TICKS_PER_S
    power_w = np.maximum(np.cumsum(change)[:-1], 0.0)
    # An operator without duration still costs energy: it is spread over the repetition.
    power_w += joules[label_s <= 0].sum() / timeline.makespan_s if timeline.makespan_ticks else 0.0
    if len(power_w) <= MAX_STEPS:
        return cuts_s, power_w
    energy_j = np.concatenate([[0.0], np.cumsum(power_w * np.diff(cuts_s))])
    slices_s = np.linspace(0.0, timeline.makespan_s, MAX_STEPS + 1)
    return slices_s, np.diff(np.interp(slices_s, cuts_s, energy_j)) / np.diff(slices_s)
