"""Energy by component and class of operator; power over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.program import StageTimeline
from accelsim.engine.timeline import Timeline
from accelsim.mapping.servers import HOST_LINK
from accelsim.network.optical.layer import OPTICAL_NOC, optical_layer
from accelsim.results.account import OperatorRow
from accelsim.results.data import RunData
from accelsim.results.tables.columns import Columns, by_column

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

#: Most steps of the power of one stage.
MAX_STEPS = 2_000
#: Energy inside the cores (arithmetic and operand SRAM), drawn whenever a chip works, and drawn while nothing runs.
CORES, BUSY, STATIC = "cores", "busy", "static"


def energy_table(result: RunData) -> Columns:
    """Joules of all chips by component and kind of operator; sums to the energy of the run.

    A memory level, network or link counts its bytes times its energy per byte; ``cores`` is the rest of an operator's
    dynamic energy: arithmetic and the operands read from the cores' own SRAM, which cost models price together.
    ``busy`` is what a chip draws on top of its idle power whenever it works, ``static`` the idle power of every chip
    and the lasers of its links over the latency.
    """
    split: dict[tuple[str, str], float] = {}
    for row in result.ledger.rows:
        left = row.energy_j
        for level, energy_j in _moved_j(result, row).items():
            split[level, row.kind] = split.get((level, row.kind), 0.0) + energy_j
            left -= energy_j
        # What is left may be rounding of the subtraction; it is booked all the same, so that the sum is exact.
        split[CORES, row.kind] = split.get((CORES, row.kind), 0.0) + left
    total_j = result.energy.total_j
    drawn = {key: energy_j for key, energy_j in split.items() if abs(energy_j) > 1e-12 * total_j}
    drawn |= {(name, ""): j for name, j in ((BUSY, result.energy.busy_j), (STATIC, result.energy.static_j)) if j}
    rows = [(component, kind, j, j / (total_j or 1.0)) for (component, kind), j in drawn.items()]
    return by_column(rows, ("component", "kind", "energy_j", "share"))


def _moved_j(result: RunData, row: OperatorRow) -> dict[str, float]:
    """Energy of the bytes of a row by level; nothing is moved for an operator that is priced without energy."""
    if row.energy_j <= 0.0:
        return {}
    return {level: nbytes * _j_per_byte(result, level) for level, nbytes in row.traffic_bytes.items()}


def _j_per_byte(result: RunData, level: str) -> float:
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


def power_table(result: RunData) -> Columns:
    """Power of all chips over time: constant from ``start_s`` to ``end_s``; times duration and repeat, the energy.

    The dynamic energy of an operator is spread evenly over the time its tasks run (where operators stream through their
    own rectangles, that of all operators over all tasks); ``busy`` power is added while anything runs (in proportion to
    the rectangles at work), idle power throughout.  Stages that repeat show their first repetition; a stage of more
    than :data:`MAX_STEPS` steps is averaged over as many equal slices.  Not modelled: clocks that fall when power
    passes the limit, power of hosts, switches and cooling.
    """
    once: dict[Timeline, _Steps] = {}
    stages = result.timeline.stages
    for stage, joules in zip(stages, _joules(result), strict=True):
        if stage.timeline not in once:
            once[stage.timeline] = _steps(stage, joules, result.mapped.overlapped is not None)
    busy_s = sum(once[stage.timeline].busy_s * stage.stage.repeat for stage in stages)
    busy_w = result.energy.busy_j / busy_s if busy_s else 0.0
    static_w = result.energy.static_j / result.latency_s
    columns: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("stage", "repeat", "start_s", "end_s", "power_w")
    }
    for index, stage in enumerate(stages):
        steps, offset_s = once[stage.timeline], stage.start_ticks / TICKS_PER_S
        columns["stage"].append(np.full(len(steps.dynamic_w), index))
        columns["repeat"].append(np.full(len(steps.dynamic_w), stage.stage.repeat))
        columns["start_s"].append(offset_s + steps.cuts_s[:-1])
        columns["end_s"].append(offset_s + steps.cuts_s[1:])
        columns["power_w"].append(static_w + busy_w * steps.at_work + steps.dynamic_w)
    return {name: np.concatenate(column) for name, column in columns.items()}


def _joules(result: RunData) -> Iterator[FloatArray]:
    """Dynamic energy of one repetition of each stage by label, all chips."""
    if result.mapped.overlapped is not None:
        stage = result.timeline.stages[0]
        took = np.bincount(stage.stage.graph.label, _took_s(stage), len(stage.stage.graph.labels))
        yield result.energy.dynamic_j * took / took.sum()
        return
    for block in result.mapped.blocks:
        yield np.array([priced.cost.energy_j * result.num_chips for priced in block.operators])


def _took_s(stage: StageTimeline) -> FloatArray:
    return (stage.timeline.end_ticks - stage.timeline.start_ticks) / TICKS_PER_S


class _Steps(NamedTuple):
    """One repetition of a stage in steps: where they begin and end, and what holds between.

    Attributes:
        cuts_s: Ends of the steps, in seconds. float64[S + 1].
        dynamic_w: Dynamic power. float64[S].
        at_work: Part of the chip that works. float64[S].
    """

    cuts_s: FloatArray
    dynamic_w: FloatArray
    at_work: FloatArray

    @property
    def busy_s(self) -> float:
        """Seconds of a chip at work."""
        return float((self.at_work * np.diff(self.cuts_s)).sum())


def _steps(stage: StageTimeline, joules: FloatArray, regions_apart: bool) -> _Steps:
    """Dynamic power and what works, over one repetition of a stage; ``joules`` by label, all chips."""
    graph, timeline = stage.stage.graph, stage.timeline
    label_s = np.bincount(graph.label, _took_s(stage), len(joules))
    watts = np.divide(joules, label_s, out=np.zeros(len(joules)), where=label_s > 0)[graph.label]
    ticks = np.unique(np.concatenate([[0, timeline.makespan_ticks], timeline.start_ticks, timeline.end_ticks]))
    dynamic_w = np.maximum(_sum_of_running(stage, ticks, watts), 0.0)
    # An operator without duration still costs energy: it is spread over the repetition.
    dynamic_w += joules[label_s <= 0].sum() / timeline.makespan_s if timeline.makespan_ticks else 0.0
    if regions_apart:
        at_work = _sum_of_running(stage, ticks, (graph.server >= 0) / max(1, graph.num_servers))
    else:
        at_work = (_sum_of_running(stage, ticks, np.ones(graph.num_tasks)) > 0.5).astype(np.float64)
    return _averaged(_Steps(ticks / TICKS_PER_S, dynamic_w, at_work))


def _sum_of_running(stage: StageTimeline, ticks: Int64Array, values: FloatArray) -> FloatArray:
    """Between each two of ``ticks``, the sum of the values of the tasks that run."""
    change = np.zeros(len(ticks))
    np.add.at(change, np.searchsorted(ticks, stage.timeline.start_ticks), values)
    np.subtract.at(change, np.searchsorted(ticks, stage.timeline.end_ticks), values)
    running: FloatArray = np.cumsum(change)[:-1]
    return running


def _averaged(steps: _Steps) -> _Steps:
    """The same in at most :data:`MAX_STEPS` steps, with equal sums over time."""
    if len(steps.dynamic_w) <= MAX_STEPS:
        return steps
    cuts_s = np.linspace(0.0, steps.cuts_s[-1], MAX_STEPS + 1)

    def mean(values: FloatArray) -> FloatArray:
        total = np.concatenate([[0.0], np.cumsum(values * np.diff(steps.cuts_s))])
        means: FloatArray = np.diff(np.interp(cuts_s, steps.cuts_s, total)) / np.diff(cuts_s)
        return means

    return _Steps(cuts_s, mean(steps.dynamic_w), mean(steps.at_work))
