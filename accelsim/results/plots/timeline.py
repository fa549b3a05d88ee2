"""When each operator ran: a Gantt chart by server, repeated blocks drawn once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from accelsim.engine.program import StageTimeline
from accelsim.results.plots.style import TIMELINE_FILLS, fills, new_axes, run_text, time_label, use_time_axis
from accelsim.results.result import Result

_BAR_HEIGHT = 0.8
_HEADER_TIERS = 3
_TIER_HEIGHT = 0.2
_TALL_ROWS = 12
#: Row of tasks that hold no server.
NO_SERVER_ROW = "no server"
GROUP_KIND = "operator"
_EDGE_FROM = 0.004  # a white edge would eat the colour of a narrower bar


@dataclass(frozen=True, slots=True)
class Task:
    """One bar of the chart; times count each block's repetitions once.

    Attributes:
        server: What it occupied.
        operator: What it belongs to.
        kind: Kind of that operator.
        start_s: Start.
        end_s: End.
    """

    server: str
    operator: str
    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class DrawnBlock:
    """The first repetition of a block.

    Attributes:
        name: Name of the block.
        repeat: Repetitions it stands for.
        start_s: Start on the folded axis.
        end_s: End on the folded axis.
        tasks: Its tasks.
    """

    name: str
    repeat: int
    start_s: float
    end_s: float
    tasks: tuple[Task, ...]


def plot_timeline(result: Result, ax: Axes | None = None, *, max_tasks: int = 400) -> Axes:
    """Draw what each server of the simulated chip did when, as a Gantt chart.

    The axis is folded: blocks follow each other, each drawn for one repetition only, with the number of repetitions
    above it; the note below says how much of the run that leaves out.  A bar lasts from the start of a task to its
    end, memory traffic included.

    Args:
        result: The run.
        ax: Axes to draw on; None makes a figure.
        max_tasks: About as many bars at most. Blocks beyond are left out and the note counts them; of the first block,
            which is always drawn, neighbours on a server are joined.
    """
    blocks, left_out = fold_repeats(result, max_tasks)
    every = [task for block in blocks for task in block.tasks]
    tasks = join_neighbours(every, max_tasks)
    servers = list(dict.fromkeys(task.server for task in sorted(tasks, key=lambda task: task.start_s)))
    ax = new_axes(ax, 11.0, 2.1 + (0.9 if len(servers) <= _TALL_ROWS else 0.25) * len(servers))
    kinds = fills(sorted({task.kind for task in tasks}), TIMELINE_FILLS)
    end_s = blocks[-1].end_s
    for task in tasks:
        fill = kinds[task.kind]
        edge = 0.5 if task.end_s - task.start_s > _EDGE_FROM * end_s else 0.0
        ax.barh(
            -servers.index(task.server),
            task.end_s - task.start_s,
            _BAR_HEIGHT,
            task.start_s,
            color=fill.colour,
            hatch=fill.hatch,
            edgecolor="white",
            linewidth=edge,
        )
    ax.set_yticks([-index for index in range(len(servers))], servers)
    ax.set_ylim(0.5 - len(servers), 0.5 + _TIER_HEIGHT * _HEADER_TIERS)
    ax.set_xlim(0.0, end_s)
    use_time_axis(ax, end_s, "time, each block drawn once")
    ax.set_xlabel(f"{ax.get_xlabel()}\n{_note(result, blocks, left_out)}")
    if len(tasks) < len(every):
        ax.set_xlabel(f"{ax.get_xlabel()}; {len(every)} tasks as {len(tasks)} bars, transfers between servers left out")
    ax.set_title(run_text(result), loc="left", fontsize="medium", wrap=True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(
        handles=[Patch(facecolor=f.colour, hatch=f.hatch, edgecolor="white", label=k) for k, f in kinds.items()],
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
    )
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    _write_headers(ax, blocks)
    _write_names(ax, tasks, servers, {kind: fill.text_colour for kind, fill in kinds.items()})
    return ax


def fold_repeats(result: Result, max_tasks: int) -> tuple[list[DrawnBlock], int]:
    """Blocks in order, each with its first repetition on the folded axis, and how many blocks were left out.

    Args:
        result: A run.
        max_tasks: Tasks to draw; the block that passes it and all later ones are left out, but not the first.
    """
    blocks: list[DrawnBlock] = []
    num_tasks, now_s = 0, 0.0
    for index, stage in enumerate(result.timeline.stages):
        num_tasks += stage.stage.graph.num_tasks
        if blocks and num_tasks > max_tasks:
            break
        drawn = _draw_block(stage, result.mapped.kinds(index), now_s)
        blocks.append(drawn)
        now_s = drawn.end_s
    return blocks, len(result.timeline.stages) - len(blocks)


def join_neighbours(tasks: Sequence[Task], max_tasks: int) -> list[Task]:
    """At most about ``max_tasks`` bars of servers: neighbours of one operator become one, over ever longer gaps.

    Args:
        tasks: Bars of one picture.
        max_tasks: Bars wanted; more are left where operators take turns on their servers.
    """
    if len(tasks) <= max_tasks:
        return list(tasks)
    tasks = [task for task in tasks if task.server != NO_SERVER_ROW] or tasks
    joined = sorted(tasks, key=lambda task: (task.server, task.start_s, task.end_s))
    least = len({(task.server, task.operator) for task in joined})
    gap_s = max((task.end_s for task in joined), default=0.0) / max_tasks
    while len(joined) > max(max_tasks, least):
        shorter: list[Task] = []
        for task in joined:
            last = shorter[-1] if shorter else None
            alike = last is not None and (last.server, last.operator) == (task.server, task.operator)
            if last is not None and alike and task.start_s - last.end_s <= gap_s:
                shorter[-1] = replace(last, end_s=max(last.end_s, task.end_s))
            else:
                shorter.append(task)
        if len(shorter) == len(joined) and gap_s > joined[-1].end_s:
            break  # what is left takes turns on its server
        joined, gap_s = shorter, gap_s * 2
    return joined


def _draw_block(stage: StageTimeline, kinds: Sequence[str], now_s: float) -> DrawnBlock:
    graph, timeline = stage.stage.graph, stage.timeline
    start_s, end_s = now_s + timeline.start_s, now_s + timeline.end_s
    tasks = tuple(
        Task(
            graph.servers[graph.server[task]] if graph.server[task] >= 0 else NO_SERVER_ROW,
            graph.labels[graph.label[task]],
            kinds[graph.label[task]],
            float(start_s[task]),
            float(end_s[task]),
        )
        for task in range(graph.num_tasks)
    )
    return DrawnBlock(stage.stage.name, stage.stage.repeat, now_s, now_s + timeline.makespan_s, tasks)


def _note(result: Result, blocks: Sequence[DrawnBlock], left_out: int) -> str:
    drawn_s = blocks[-1].end_s
    folded = sum(block.repeat - 1 for block in blocks)
    note = f"{time_label(drawn_s)} of {time_label(result.latency_s)} drawn"
    if folded:
        note += f"; {folded} equal repetitions folded"
    if left_out:
        note += f"; {left_out} later blocks left out (max_tasks)"
    return note


def _write_headers(ax: Axes, blocks: Sequence[DrawnBlock]) -> None:
    """Name, count and duration above each block, in the lowest tier where it meets no other, if there is one."""
    limits = ax.get_window_extent()
    taken: list[list[float]] = [[] for _ in range(_HEADER_TIERS)]
    for block in blocks:
        if block.start_s > 0:
            ax.axvline(block.start_s, color="#666666", linewidth=0.8, linestyle=":")
    for block in blocks:
        times = f" \u00d7{block.repeat}" if block.repeat > 1 else ""
        each = " each" if block.repeat > 1 else ""
        text = ax.text(
            block.start_s,
            0.0,
            f"{block.name}{times}, {time_label(block.end_s - block.start_s)}{each}",
            ha="left",
            va="bottom",
            fontsize="small",
        )
        text.set_path_effects([withStroke(linewidth=2.0, foreground="white")])
        _place_header(text, taken, limits.x1, block.start_s)


def _place_header(text: Text, taken: list[list[float]], right: float, start_s: float) -> None:
    box = text.get_window_extent()
    if box.x1 > right:
        text.set_horizontalalignment("right")
        box = text.get_window_extent()
    for tier, occupied in enumerate(taken):
        if not occupied or box.x0 > occupied[-1] + 6.0:
            occupied.append(box.x1)
            text.set_position((start_s, 0.5 + _TIER_HEIGHT * tier))
            return
    text.remove()


def _write_names(ax: Axes, tasks: Sequence[Task], servers: Sequence[str], colours: dict[str, str]) -> None:
    """Operator names in bars that hold them, upright in narrow bars; the steps of a collective count as one bar."""
    for server, operator, kind, start_s, end_s in _runs(tasks):
        y = -servers.index(server)
        (x0, y0), (x1, y1) = ax.transData.transform([(start_s, y - _BAR_HEIGHT / 2), (end_s, y + _BAR_HEIGHT / 2)])
        text = ax.text(
            (start_s + end_s) / 2, y, operator, ha="center", va="center", color=colours[kind], fontsize="small"
        )
        box = text.get_window_extent()
        if box.width <= x1 - x0 - 4:
            continue
        if box.height <= x1 - x0 and box.width <= y1 - y0 - 4:
            text.set_rotation(90)
        else:
            text.remove()


def _runs(tasks: Iterable[Task]) -> list[tuple[str, str, str, float, float]]:
    """Neighbouring tasks of one operator on one server as one stretch."""
    runs: list[tuple[str, str, str, float, float]] = []
    for task in sorted(tasks, key=lambda t: (t.server, t.start_s, t.end_s)):
        if runs and runs[-1][:2] == (task.server, task.operator) and task.start_s <= runs[-1][4] * (1 + 1e-9):
            runs[-1] = (*runs[-1][:4], max(runs[-1][4], task.end_s))
        else:
            runs.append((task.server, task.operator, task.kind, task.start_s, task.end_s))
    return runs


__all__ = ["DrawnBlock", "Task", "fold_repeats", "plot_timeline"]
