"""How the graphs of a program are played: added up where tasks follow one another, else on an engine."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.engine.islands import run_side_by_side, run_variants
from accelsim.engine.run import EngineName, choose_engine, simulate
from accelsim.engine.runs import ROWS_AT_ONCE, Runs
from accelsim.engine.serial import run_serial, serial_order
from accelsim.engine.series import Stage


def run_stages(stages: Sequence[Stage], engine: EngineName = "auto", record_rates: bool = False) -> list[Runs]:
    """Runs of each graph in all of its variants.

    Args:
        stages: Each graph with its variants once.
        engine: ``auto`` adds up what is serial and chooses for the other graphs together.
        record_rates: Record piecewise link rates, which only engines do.

    Raises:
        DeadlockError: A graph cannot finish.
        ClockOverflowError: A run is longer than the clock holds.
    """
    found: list[Runs | None] = [None] * len(stages)
    if engine == "auto" and not record_rates:
        found = [_added_up(stage) for stage in stages]
    left = [index for index, runs in enumerate(found) if runs is None]
    chosen = choose_engine([(stages[i].graph, stages[i].num_variants) for i in left], engine)
    if chosen == "compiled" and not record_rates:
        alike = [index for index in left if stages[index].variants is None]
        timelines = run_side_by_side([stages[index].graph for index in alike])
        found_alike = {index: Runs.of([timeline]) for index, timeline in zip(alike, timelines, strict=True)}
        for index in left:
            variants = stages[index].variants
            found[index] = found_alike[index] if variants is None else run_variants(stages[index].graph, variants)
    else:
        for index in left:
            rows = [stages[index].at(row).graph for row in range(stages[index].num_variants)]
            found[index] = Runs.of([simulate(graph, chosen, record_rates) for graph in rows])
    return [runs for runs in found if runs is not None]


def _added_up(stage: Stage) -> Runs | None:
    """Runs of a serial graph; None for any other."""
    order = serial_order(stage.graph)
    if order is None:
        return None
    graph = stage.graph
    variants = stage.variants
    if variants is not None:
        starts = range(0, len(variants), ROWS_AT_ONCE)
        parts = [run_serial(graph, variants.sizes(graph, slice(at, at + ROWS_AT_ONCE)), order) for at in starts]
        found = [part for part in parts if part is not None]
        return Runs.joined(found) if len(found) == len(parts) else None
    return run_serial(graph, (graph.work_ticks[None], graph.nbytes[None], graph.latency_ticks[None]), order)
