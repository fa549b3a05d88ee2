"""Power of all chips over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.program import SeriesTimeline
from accelsim.engine.runs import Runs
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph
from accelsim.mapping.price import PricedBlock
from accelsim.results.data import RunData
from accelsim.results.shown import first_rounds, rounds_of_a_slice
from accelsim.results.tables.columns import Columns

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

#: Most steps of the power of one stage.
MAX_STEPS = 2_000


def power_table(result: RunData) -> Columns:
    """Power of all chips over time: constant from ``start_s`` to ``end_s``; times duration and repeat, the energy.

    The dynamic energy of an operator is spread evenly over the time its tasks run (where operators stream through their
    own rectangles, that of all operators over all tasks); ``busy`` power is added while anything runs (in proportion to
    the rectangles at work), idle power throughout.  Stages that repeat show their first repetition; a stage of more
    than :data:`MAX_STEPS` steps is averaged over as many equal slices, a decode of more than ``MAX_ROUNDS`` steps
    over slices of several steps (``stage`` is the first of a slice).  Not modelled: power of hosts,
    switches and cooling.
    """
    draws = _draws(result)
    busy_w = _busy_w(result, draws)
    static_w = result.energy.static_j / result.latency_s
    parts: list[Columns] = []
    first_stage = 0
    for played in result.timeline.series:
        width = len(played.series.stages)
        of_series, draws = draws[:width], draws[width:]
        show = _stage_by_stage if rounds_of_a_slice(played.series.rounds) == 1 else _in_slices
        parts.append(show(played, of_series, first_stage, busy_w))
        first_stage += width * played.series.rounds
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return found | {"power_w": found["power_w"] + static_w}


def peak_power_w(result: RunData) -> float:
    """Highest power at any moment, of every step of the run."""
    draws = _draws(result)
    busy_w = _busy_w(result, draws)
    highest = max(float((part.dynamic_w + busy_w * part.at_work).max()) for draw in draws for part in draw.peaks())
    return highest + result.energy.static_j / result.latency_s


@dataclass(frozen=True, slots=True)
class _PowerSteps:
    """One repetition of a stage in steps, a row per run: where they begin and end, and what holds between.

    Attributes:
        cuts_s: Ends of the steps, in seconds; steps of no length among them. float64[R, S + 1].
        dynamic_w: Dynamic power. float64[R, S].
        at_work: Part of the chip that works. float64[R, S].
    """

    cuts_s: FloatArray
    dynamic_w: FloatArray
    at_work: FloatArray

    @property
    def took_s(self) -> FloatArray:
        """Lengths of the steps. float64[R, S]."""
        return np.diff(self.cuts_s, axis=1)


@dataclass(frozen=True, slots=True)
class _Draw:
    """What a stage draws in all its runs.

    Attributes:
        stage: The stage.
        runs: Its runs.
        joules: Dynamic energy of one repetition by label, all chips. float64[R or 1, labels].
        rest_s: Seconds' worth of a chip's busy power not drawn meanwhile, by label. float64[R or 1, labels].
        regions_apart: Whether its servers are rectangles that work apart.
    """

    stage: Stage
    runs: Runs
    joules: FloatArray
    rest_s: FloatArray
    regions_apart: bool

    def steps(self) -> Iterator[_PowerSteps]:
        """The runs in consecutive parts."""
        first = 0
        for part in self.runs.parts():
            rows = slice(first, first + len(part)) if len(self.joules) > 1 else slice(None)
            yield _steps(self.stage.graph, part, self.joules[rows], self.rest_s[rows], self.regions_apart)
            first += len(part)

    def sums(self) -> tuple[FloatArray, FloatArray]:
        """Dynamic joules, and seconds of a chip at work, of one repetition in each run."""
        parts = [((s.dynamic_w * s.took_s).sum(axis=1), (s.at_work * s.took_s).sum(axis=1)) for s in self.steps()]
        joules, seconds = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return joules, seconds

    def peaks(self) -> Iterator[_PowerSteps]:
        """Steps of which one has the highest power: of those equally at work, the one with the highest dynamic."""
        for steps in self.steps():
            lasts = steps.took_s > 0
            for level in np.unique(steps.at_work[lasts]):
                highest = steps.dynamic_w[lasts & (steps.at_work == level)].max()
                yield _PowerSteps(np.zeros((1, 2)), np.full((1, 1), highest), np.full((1, 1), level))


def _draws(result: RunData) -> list[_Draw]:
    """What each stage draws, as it is written."""
    if result.mapped.overlapped is not None:
        played = result.timeline.series[0]
        stage, runs = played.series.stages[0], played.runs[0]
        took = _per_label(stage.graph, (runs.end_ticks - runs.start_ticks) / TICKS_PER_S)
        joules = result.energy.dynamic_j * took / took.sum()
        return [_Draw(stage, runs, joules, np.zeros_like(joules), True)]
    pairs = [pair for one in result.timeline.series for pair in zip(one.series.stages, one.runs, strict=True)]
    return [
        _Draw(stage, runs, *_alone(block, result.num_chips), False)
        for (stage, runs), block in zip(pairs, result.mapped.blocks, strict=True)
    ]


def _alone(block: PricedBlock, num_chips: int) -> tuple[FloatArray, FloatArray]:
    """Dynamic energy of one repetition by label on all chips, and busy power not drawn; a row per step that differs."""
    rounds = block.count if block.growing else 1
    joules = np.tile([one.cost.energy_j for one in block.operators], (rounds, 1))
    rest_s = np.tile([one.cost.rest_s for one in block.operators], (rounds, 1))
    for index, steps in block.growing.items():
        joules[:, index], rest_s[:, index] = steps.costs.energy_j, steps.costs.rest_s
    return joules * num_chips, rest_s


def _busy_w(result: RunData, draws: list[_Draw]) -> float:
    """Power of a chip at work on top of its idle power, all chips."""
    rounds = [one.series.rounds for one in result.timeline.series for _ in one.series.stages]
    busy_s = 0.0
    for draw, times in zip(draws, rounds, strict=True):
        seconds = draw.sums()[1]
        busy_s += float(seconds.sum()) * draw.stage.repeat * (times if len(seconds) == 1 else 1)
    return result.energy.busy_j / busy_s if busy_s else 0.0


def _stage_by_stage(played: SeriesTimeline, draws: list[_Draw], first_stage: int, busy_w: float) -> Columns:
    """Every step of one repetition of every stage."""
    width, rounds = len(draws), played.series.rounds
    starts_s = played.starts_s.reshape(rounds, width)
    found: list[dict[str, npt.NDArray[Any]]] = []
    for place, draw in enumerate(draws):
        parts = [_averaged(steps) for steps in draw.steps()]
        cuts_s, dynamic_w, at_work = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("cuts_s", "dynamic_w", "at_work")
        )
        rows, steps = np.broadcast_shapes(dynamic_w.shape, (rounds, 1))
        stage = first_stage + np.arange(rows) * width + place
        begin_s, end_s = starts_s[:, [place]] + cuts_s[:, :-1], starts_s[:, [place]] + cuts_s[:, 1:]
        lasts = np.broadcast_to(np.diff(cuts_s, axis=1) > 0, (rows, steps))
        power_w = np.broadcast_to(dynamic_w + busy_w * at_work, (rows, steps))
        found.append(
            {
                "stage": np.repeat(stage, steps).reshape(rows, steps)[lasts],
                "repeat": np.full(int(lasts.sum()), draw.stage.repeat),
                "start_s": begin_s[lasts],
                "end_s": end_s[lasts],
                "power_w": power_w[lasts],
            }
        )
    together = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    order = np.argsort(together["stage"], kind="stable")
    return {name: column[order] for name, column in together.items()}


def _in_slices(played: SeriesTimeline, draws: list[_Draw], first_stage: int, busy_w: float) -> Columns:
    """Slices of several rounds, each at its mean power."""
    width, rounds = len(draws), played.series.rounds
    energy_j = np.zeros(rounds)
    for draw in draws:
        joules, busy_s = draw.sums()
        energy_j += (joules + busy_w * busy_s) * draw.stage.repeat
    first = first_rounds(rounds)
    start_s = played.starts_s[first * width]
    end_s = np.append(start_s[1:], played.end_ticks / TICKS_PER_S)
    return {
        "stage": first_stage + first * width,
        "repeat": np.ones(len(first), dtype=np.int64),
        "start_s": start_s,
        "end_s": end_s,
        "power_w": np.add.reduceat(energy_j, first) / (end_s - start_s),
    }


def _steps(graph: TaskGraph, runs: Runs, joules: FloatArray, rest_s: FloatArray, regions_apart: bool) -> _PowerSteps:
    """Dynamic power and what works, over one repetition of a stage in some of its runs."""
    start, end, makespan = runs.start_ticks, runs.end_ticks, runs.makespan_ticks[:, None]
    label_s = _per_label(graph, (end - start) / TICKS_PER_S, joules.shape[1])
    watts = np.divide(joules, label_s, out=np.zeros(label_s.shape), where=label_s > 0)[:, graph.label]
    ticks = np.concatenate([np.zeros_like(makespan), makespan, start, end], axis=1)
    order = np.argsort(ticks, axis=1, kind="stable")

    def running(values: FloatArray) -> FloatArray:
        """Between each two ticks, the sum of the values of the tasks that run."""
        change = np.concatenate([np.zeros((len(values), 2)), values, -values], axis=1)
        total: FloatArray = np.cumsum(np.take_along_axis(change, order, axis=1), axis=1)[:, :-1]
        return total

    # An operator without duration still costs energy: it is spread over the repetition.
    at_once = np.where(label_s <= 0, joules, 0.0).sum(axis=1, keepdims=True)
    spread_w = np.divide(at_once * TICKS_PER_S, makespan, out=np.zeros(at_once.shape), where=makespan > 0)
    dynamic_w = np.maximum(running(watts), 0.0) + spread_w
    if regions_apart:
        share = np.tile((graph.server >= 0) / max(1, graph.num_servers), (len(runs), 1))
        at_work = running(share)
    else:
        rests = np.divide(rest_s, label_s, out=np.zeros(label_s.shape), where=label_s > 0)[:, graph.label]
        at_work = np.maximum((running(np.ones(start.shape)) > 0.5) - running(rests), 0.0)
    return _PowerSteps(np.take_along_axis(ticks, order, axis=1) / TICKS_PER_S, dynamic_w, at_work)


def _per_label(graph: TaskGraph, values: FloatArray, num_labels: int | None = None) -> FloatArray:
    """Sum of a figure of the tasks of each label; a row per run."""
    total = np.zeros((len(values), num_labels or len(graph.labels)))
    order = np.argsort(graph.label, kind="stable")
    labels, first = np.unique(graph.label[order], return_index=True)
    total[:, labels] = np.add.reduceat(values[:, order], first, axis=1)
    return total


def _averaged(steps: _PowerSteps) -> _PowerSteps:
    """The same in at most :data:`MAX_STEPS` steps, with equal sums over time."""
    if steps.dynamic_w.shape[1] <= MAX_STEPS:
        return steps
    cuts_s = np.linspace(0.0, steps.cuts_s[:, -1], MAX_STEPS + 1, axis=1)

    def mean(values: FloatArray) -> FloatArray:
        sums = np.cumsum(values * steps.took_s, axis=1)
        total = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)
        rows = zip(cuts_s, steps.cuts_s, total, strict=True)
        means: FloatArray = np.diff([np.interp(*row) for row in rows], axis=1) / np.diff(cuts_s, axis=1)
        return means

    return _PowerSteps(cuts_s, mean(steps.dynamic_w), mean(steps.at_work))
