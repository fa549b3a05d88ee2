"""What ``accelsim place`` prints: placers side by side, why the best is good, and what faults cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from accelsim.cli.tables import Columns, fitted_table, make_table, print_entry
from accelsim.errors import CapacityError
from accelsim.results.format import change_text, percent_text

if TYPE_CHECKING:
    from accelsim.mapping.execution.spatial.report import PlacementReport
    from accelsim.mapping.execution.spatial.run import SpatialRun
    from accelsim.mapping.ranks import RankPlacement
    from accelsim.study.wafers import FaultLoss


def report_of(run: SpatialRun) -> PlacementReport:
    """What the placement of a run costs."""
    from accelsim.mapping.execution.spatial.report import explain

    return explain(run)


def print_placements(runs: Sequence[SpatialRun], refused: Mapping[str, CapacityError]) -> SpatialRun:
    """One row per placer, the fastest first: bytes x hops and simulated latency with their gaps; the fastest.

    Those that do not fit are named.

    Args:
        runs: One per placer that found a layout.
        refused: Why the others found none, by placer.
    """
    from accelsim.cli.render import make_console, seconds
    from accelsim.engine.program import run_program
    from accelsim.mapping.execution.spatial.ideal import ideal_latency_s

    names = ("placer", "bytes x hops", "above bound", "mean hops", "aspect", "cost", "latency", "above ideal")
    columns, rows = Columns(names, names[1:], optional=("aspect", "mean hops"), gap=1), []
    ideal_s = ideal_latency_s(runs)
    timed = sorted(((run_program(run.program).makespan_s, run) for run in runs), key=lambda one: one[0])
    for latency_s, run in timed:
        report = report_of(run)
        cells = (
            str(run.plan.placer),
            f"{report.byte_hops:.4g}",
            percent_text(report.gap),
            f"{report.mean_hops:.1f}",
            f"{report.mean_aspect:.2f}",
            f"{report.cost:.4g}",
            seconds(latency_s),
            percent_text(latency_s / ideal_s - 1),
        )
        rows.append(dict(zip(names, cells, strict=True)))
    console = make_console()
    console.print(fitted_table(console, "Placements", columns, rows))
    if len(runs) > 1:
        made = {"byte_hops": "bytes x hops, raised for long rectangles", "latency": "estimated latency"}
        console.print(f"Made least (cost): {made[str(runs[0].plan.objective)]}.")
    for name, error in refused.items():
        print_entry(console, f"{name}:", str(error), style="yellow")
    return timed[0][1]


def print_placement(run: SpatialRun) -> None:
    """Sizes, bytes x hops by tensor, hottest links, SRAM and KV capacity of one placement."""
    from accelsim.cli.render import make_console, seconds, size

    report, console = report_of(run), make_console()
    console.print(f"[bold]plan[/] {run.plan}; {len(run.pipeline.groups)} groups on {run.floor.num_chips} chip(s)")
    groups = Counter(group.part for group in run.pipeline.groups)
    for index, (part, tiles) in enumerate(zip(run.pipeline.parts, run.sizes.tiles, strict=True)):
        pieces = f" ({len(part.alike)} alike in each {part.block})" if len(part.alike) > 1 else ""
        each = f"{groups[index]:>4} x {tiles:>7,} tiles, {size(part.weight_bytes)} weights each"
        print_entry(console, f"  {part.name}", f"{each}{pieces}", _PART_NAMES)
    console.print("[bold]bytes x hops by tensor[/]")
    for tensor, byte_hops in list(report.tensor_byte_hops.items())[:8]:
        console.print(f"  {tensor:<28} {byte_hops:.4g}")
    console.print("[bold]hottest links[/]")
    for link in report.hottest:
        users = ", ".join(f"{name} {size(nbytes)}" for name, nbytes in link.groups)
        console.print(f"  {link.name:<20} {size(link.nbytes)}, {seconds(link.busy_s)} at full rate: {users}")
    fullest = run.occupancy.fullest
    held = {
        "weights": fullest.weight_bytes,
        "KV cache": fullest.kv_bytes,
        "buffers": fullest.buffer_bytes,
        "operator scratch": fullest.scratch_bytes,
    }
    parts = ", ".join(f"{what} {size(round(nbytes))}" for what, nbytes in held.items() if round(nbytes))
    console.print(
        f"[bold]SRAM[/] fullest tiles: {fullest.name}, {fullest.fraction:.0%} of {size(fullest.capacity_bytes)} "
        f"({parts})"
    )
    if report.kv_capacity_tokens is not None:
        console.print(f"[bold]KV capacity[/] {report.kv_capacity_tokens:,} tokens, all sequences together")


def print_ranks(found: Sequence[RankPlacement]) -> None:
    """One row per placer of ranks, and the chips of the best."""
    from accelsim.cli.render import make_console, seconds

    names = ("placer", "bytes x hops", "link seconds", "above bound", "collectives of a pass")
    table = make_table("Ranks on chips", names, names[1:])
    for one in found:
        table.add_row(
            one.placer, f"{one.byte_hops:.4g}", seconds(one.link_s), percent_text(one.gap), seconds(one.collective_s)
        )
    console = make_console()
    console.print(table)
    best = min(found, key=lambda one: one.link_s)
    console.print(
        f"[bold]chips[/] of ranks 0 to {len(best.chips) - 1} by {best.placer}: {', '.join(map(str, best.chips))}"
    )


def print_losses(found: FaultLoss) -> None:
    """One row per chip with faults, and the distribution of the losses where several were sampled."""
    import numpy as np

    from accelsim.cli.render import make_console, seconds

    console = make_console()
    names = ("chip", "dead tiles", "uncovered", "dead links", "latency", "loss", "bytes x hops", "loss ")
    table = make_table("Against the intact chip", names, names[1:], gap=1)
    intact = found.intact
    for name, wafer in (("intact", intact), *((str(i), wafer) for i, wafer in enumerate(found.wafers))):
        faults = [f"{n:,}" for n in (wafer.dead_tiles, wafer.uncovered_tiles, wafer.dead_links)]
        if wafer.latency_s is None or wafer.byte_hops is None:
            table.add_row(name, *faults, "does not fit", "", "", "")
            continue
        assert intact.latency_s is not None
        assert intact.byte_hops is not None
        pairs = ((wafer.latency_s, intact.latency_s), (wafer.byte_hops, intact.byte_hops))
        losses = [change_text(there / before - 1, 2) for there, before in pairs]
        table.add_row(name, *faults, seconds(wafer.latency_s), losses[0], f"{wafer.byte_hops:.4g}", losses[1])
    console.print(table)
    refused = [wafer.refused for wafer in found.wafers if wafer.refused]
    console.print(f"{len(found.working)} of {len(found.wafers)} chips with faults hold the model")
    if found.working:
        for what, figure in (("latency", "latency_s"), ("bytes x hops", "byte_hops")):
            lost = found.losses(figure)
            spread = ", ".join(f"{name} {change_text(float(np.quantile(lost, q)), 2)}" for name, q in _QUANTILES)
            console.print(f"loss of {what}: mean {change_text(float(lost.mean()), 2)}, {spread}")
    if refused:
        print_entry(console, "first that does not fit:", refused[0], style="yellow")


#: Columns of the names of parts.
_PART_NAMES = 24
_QUANTILES = (("least", 0.0), ("median", 0.5), ("90 %", 0.9), ("most", 1.0))
