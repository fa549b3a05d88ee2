"""Pictures show what the ledger says: bars sum to it, nothing is dropped, no two labels meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise

import matplotlib

matplotlib.use("agg")  # no display needed

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.text import Text

from accelsim import Decode, Prefill, Result, simulate
from accelsim.dtypes import DType
from accelsim.results.plots import plot_breakdown, plot_memory, plot_roofline, plot_timeline
from accelsim.results.plots.style import CAUSE_FILLS, KIND_FILLS, ROLE_FILLS, bytes_text, fills, time_label, time_unit
from accelsim.results.plots.timeline import fold_repeats

PHASES = {"prefill": Prefill(batch=1, prompt=2048), "decode": Decode(batch=1, context=2048)}
SYSTEMS = {"gpu": "nvidia-a100-sxm-80gb", "tpu": "google-tpu-v4-pod:4", "wafer": "cerebras-cs2"}
CASES = [(system, phase) for system in SYSTEMS for phase in PHASES]


class Runs(dict[tuple[str, str], Result]):
    """Each case simulated when it is first asked for."""

    def __missing__(self, case: tuple[str, str]) -> Result:
        system, phase = case
        plan = "region=480x480" if system == "wafer" else "auto"  # one operator after another, as the others
        self[case] = simulate("llama3-8b", SYSTEMS[system], PHASES[phase], plan, what_ifs=False)
        return self[case]


@pytest.fixture(scope="module")
def runs() -> Runs:
    return Runs()


@pytest.fixture(params=CASES, ids="-".join)
def run(request: pytest.FixtureRequest, runs: Runs) -> Result:
    return runs[request.param]


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def widths(ax: Axes) -> list[float]:
    """Length of each bar (one per tick of the y axis), all pieces together."""
    totals = [0.0] * len(ax.get_yticks())
    for container in ax.containers:
        assert isinstance(container, BarContainer)
        for index, patch in enumerate(container.patches):
            totals[index] += patch.get_width()
    return totals


def texts_that_meet(ax: Axes) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes overlap by more than a pixel; slanted texts are left to the eye."""
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    ticks = [*ax.get_yticklabels(), *ax.get_xticklabels()]
    texts: list[Text] = [t for t in (*ax.texts, *ticks) if t.get_text() and t.get_rotation() in (0.0, 90.0)]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1.0)) for text in texts]
    return [(a, b) for (a, box_a), (b, box_b) in combinations(boxes, 2) if box_a.overlaps(box_b)]


def with_many_operators(result: Result, copies: int = 7) -> Result:
    """The same run with each operator divided unevenly over ``copies`` blocks, about 100 operators in all."""
    rows = []
    for copy in range(copies):
        factor = 2 * (copy + 1) / (copies * (copies + 1))  # the factors sum to 1
        for index, row in enumerate(result.ledger.rows):
            parts_s = {cause: time_s * factor for cause, time_s in row.parts_s.items()}
            flops = int(row.flops * factor * (1 + 0.1 * ((index + copy) % 5)))
            rows.append(replace(row, block=f"part{copy}", time_s=row.time_s * factor, parts_s=parts_s, flops=flops))
    return replace(result, ledger=replace(result.ledger, rows=tuple(rows)))


def test_pieces_of_a_bar_by_cause_sum_to_the_latency(run: Result) -> None:
    ax = plot_breakdown(run)
    assert widths(ax) == pytest.approx([run.latency_s])
    assert ax.get_xlabel() in ("time (ms)", "time (\u00b5s)")
    assert texts_that_meet(ax) == []


def test_bars_by_operator_sum_to_the_operator_times(run: Result) -> None:
    rows = sorted(run.ledger.rows, key=lambda row: -row.time_s)
    ax = plot_breakdown(run, by="operator", max_operators=5)
    assert len(ax.get_yticks()) == 6
    assert widths(ax)[:5] == pytest.approx([row.time_s for row in rows[:5]])
    assert sum(widths(ax)) == pytest.approx(sum(row.time_s for row in rows))
    assert ax.get_yticklabels()[5].get_text() == f"{len(rows) - 5} others"
    assert texts_that_meet(ax) == []


def test_shares_of_operators_that_work_at_once_sum_to_all_of_their_time() -> None:
    result = simulate("llama3-8b", "cerebras-cs2", Prefill(1, 128), "execution=spatial", what_ifs=False)
    ax = plot_breakdown(result, by="operator", max_operators=5)
    shares = [float(text.get_text().split()[-2]) for text in ax.texts if "s  " in text.get_text()]
    assert len(shares) == 6
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert "shares are of their summed time" in ax.get_title(loc="left")
    plt.close("all")


@pytest.mark.parametrize("phase", PHASES)
def test_runs_beside_each_other_keep_their_own_latency(phase: str, runs: Runs) -> None:
    results = [runs[system, phase] for system in SYSTEMS]
    assert widths(plot_breakdown(results)) == pytest.approx([result.latency_s for result in results])
    ax = plot_breakdown(results, scale="share")
    assert widths(ax) == pytest.approx([1.0, 1.0, 1.0])
    assert {time_label(result.latency_s) for result in results} <= {text.get_text() for text in ax.texts}
    assert texts_that_meet(ax) == []


def test_runs_by_operator_drop_no_time(runs: Runs) -> None:
    results = [runs["gpu", "decode"], runs["wafer", "decode"]]
    ax = plot_breakdown(results, by="operator", max_operators=3, labels=["a", "b"])
    assert widths(ax) == pytest.approx([sum(row.time_s for row in result.ledger.rows) for result in results])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_legend() is not None


def test_a_hundred_operators_stay_readable(runs: Runs) -> None:
    many = with_many_operators(runs["wafer", "prefill"])
    assert len(many.ledger.rows) == 98
    ax = plot_breakdown(many, by="operator")
    assert sum(widths(ax)) == pytest.approx(sum(row.time_s for row in many.ledger.rows))
    assert texts_that_meet(ax) == []
    assert texts_that_meet(plot_roofline(many)) == []


@pytest.mark.parametrize("arguments", [{"by": "colour"}, {"scale": "log"}, {"labels": ["one", "two"]}])
def test_breakdown_refuses_what_it_does_not_know(arguments: dict[str, object], runs: Runs) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        plot_breakdown(runs["wafer", "decode"], **arguments)  # type: ignore[arg-type]


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="no result"):
        plot_breakdown([])


def test_roofline_points_are_flops_over_bytes_and_over_time(run: Result) -> None:
    level = run.machine.chip.main_memory
    ax = plot_roofline(run)
    expected = [
        (row.flops / row.traffic_bytes[level], row.flops / row.time_s / run.plan.num_ranks)
        for row in run.ledger.rows
        if row.flops and row.traffic_bytes.get(level)
    ]
    points = [(float(x), float(y)) for collection in ax.collections for x, y in collection.get_offsets()]
    np.testing.assert_allclose(sorted(points), sorted(expected))
    assert level in ax.get_xlabel()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert texts_that_meet(ax) == []


def test_no_text_of_a_roofline_covers_a_point(run: Result) -> None:
    ax = plot_roofline(run)
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    boxes = {text.get_text(): text.get_window_extent() for text in ax.texts if text.get_rotation() == 0.0}
    for collection in ax.collections:
        for point in ax.transData.transform(collection.get_offsets()):
            assert [name for name, box in boxes.items() if name and box.contains(*point)] == []


def test_roofline_ceilings_are_the_published_peaks(runs: Runs) -> None:
    run = runs["gpu", "prefill"]
    chip = run.machine.chip
    lines = {line.get_gid(): line.get_xydata() for line in plot_roofline(run).lines if line.get_gid()}
    assert set(lines) == {"ceiling:bf16 peak", "ceiling:fp32 vector peak", "ceiling:sram", "ceiling:l2", "ceiling:hbm"}
    peak = chip.peak_flops_per_s(DType.BF16)
    assert lines["ceiling:bf16 peak"][0][1] == peak
    for name, memory in chip.memories.items():
        (x0, y0), (x1, y1) = lines[f"ceiling:{name}"]
        assert y0 / x0 == pytest.approx(memory.bandwidth_bytes_per_s)  # FLOP/s over FLOP/byte is bytes/s
        assert (x1, y1) == pytest.approx((peak / memory.bandwidth_bytes_per_s, peak))  # the ridge


def test_roofline_of_a_machine_without_memories_uses_the_sram_of_the_cores_in_use(runs: Runs) -> None:
    run = runs["wafer", "decode"]
    assert run.plan.region is not None
    chip, num_cores = run.machine.chip, run.plan.region[0] * run.plan.region[1]
    (line,) = [line for line in plot_roofline(run).lines if line.get_gid() == "ceiling:sram"]
    (x0, y0), _ = line.get_xydata()
    assert y0 / x0 == pytest.approx(num_cores * chip.sram_bandwidth_per_core_bytes_per_s)


def test_roofline_against_an_unknown_level_names_the_known_ones(runs: Runs) -> None:
    with pytest.raises(ValueError, match=r"level='l3' has no ceiling\. Known: sram, l2, hbm\."):
        plot_roofline(runs["gpu", "decode"], level="l3")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("system", ["gpu", "tpu"])
def test_no_operator_stands_above_the_ceiling_of_its_main_memory(system: str, phase: str, runs: Runs) -> None:
    """The roofline law, reached <= intensity x bandwidth, is bytes <= time x bandwidth."""
    run = runs[system, phase]
    chip, level = run.machine.chip, run.machine.chip.main_memory
    for row in run.ledger.rows:
        nbytes = row.traffic_bytes.get(level, 0.0) / run.plan.num_ranks
        assert nbytes <= row.time_s * chip.main_memory_bandwidth_bytes_per_s * (1 + 1e-6)


def test_timeline_has_one_bar_per_task_and_no_label_meets_another(run: Result) -> None:
    ax = plot_timeline(run)
    graphs = [stage.stage.graph for stage in run.timeline.stages]
    assert len(ax.patches) == sum(graph.num_tasks for graph in graphs)
    drawn_s = sum(stage.timeline.makespan_s for stage in run.timeline.stages)
    assert ax.get_xlim()[1] == pytest.approx(drawn_s)
    assert "31 equal repetitions folded" in ax.get_xlabel()  # one of 32 equal layers is drawn
    assert texts_that_meet(ax) == []


def test_bars_of_one_server_do_not_overlap(run: Result) -> None:
    blocks, _ = fold_repeats(run, max_tasks=1000)
    for server in {task.server for block in blocks for task in block.tasks}:
        tasks = sorted((t for b in blocks for t in b.tasks if t.server == server), key=lambda task: task.start_s)
        assert all(one.end_s <= two.start_s * (1 + 1e-9) for one, two in pairwise(tasks))


def test_timeline_of_about_a_hundred_tasks_stays_within_its_limit() -> None:
    run = simulate("llama3-8b", SYSTEMS["wafer"], Decode(batch=1, context=2048, steps=8), what_ifs=False)
    per_step = sum(stage.stage.graph.num_tasks for stage in run.timeline.stages[:3])
    assert len(run.timeline.stages) == 24
    whole = plot_timeline(run)
    assert len(whole.patches) == 8 * per_step
    assert texts_that_meet(whole) == []
    short = plot_timeline(run, max_tasks=2 * per_step)
    assert len(short.patches) == 2 * per_step
    assert "18 later blocks left out" in short.get_xlabel()


def test_memory_bars_sum_to_the_footprint_and_the_line_is_the_capacity(runs: Runs) -> None:
    results = [runs[system, "decode"] for system in SYSTEMS]
    ax = plot_memory(results)
    totals = [0.0] * 3
    for container in ax.containers:
        for index, patch in enumerate(container.patches):  # type: ignore[attr-defined]
            totals[index] += patch.get_width()
    assert totals == pytest.approx([result.footprint.total_bytes for result in results])
    (lines,) = ax.collections
    ends = [path.vertices[0][0] for path in lines.get_paths()]
    assert ends == pytest.approx([result.footprint.capacity_bytes for result in results])
    assert ax.get_xlabel() == "memory of one chip (GB)"
    assert texts_that_meet(ax) == []


@pytest.mark.parametrize("plot", [plot_breakdown, plot_memory, plot_roofline, plot_timeline])
def test_a_plot_draws_on_the_axes_it_is_given(plot: object, runs: Runs) -> None:
    _, ax = plt.subplots()
    assert plot(runs["wafer", "decode"], ax=ax) is ax  # type: ignore[operator]
    assert ax.has_data()


@pytest.mark.parametrize("table", [CAUSE_FILLS, KIND_FILLS, ROLE_FILLS], ids=["cause", "kind", "role"])
def test_no_two_names_of_a_table_look_alike(table: dict[str, object]) -> None:
    assert len(set(table.values())) == len(table)


def test_an_unknown_name_gets_a_hatched_fill_of_its_own_that_does_not_change() -> None:
    chosen = fills(["compute", "mystery", "riddle"], CAUSE_FILLS)
    assert chosen["mystery"].hatch and chosen["mystery"] != chosen["riddle"]
    assert fills(["mystery"], CAUSE_FILLS)["mystery"] == chosen["mystery"]


@pytest.mark.parametrize(
    ("time_s", "unit"), [(2.0, "s"), (1.0, "s"), (0.999, "ms"), (1e-3, "ms"), (9.99e-4, "\u00b5s"), (5e-7, "ns")]
)
def test_time_axes_use_the_unit_with_digits_before_the_point(time_s: float, unit: str) -> None:
    assert time_unit(time_s)[0] == unit


def test_sizes_are_written_with_three_digits() -> None:
    assert [bytes_text(n) for n in (999, 1000, 16.06e9)] == ["999 B", "1 kB", "16.1 GB"]


def test_a_timeline_of_thousands_of_tasks_joins_neighbours_and_keeps_every_server():
    result = simulate("llama3-8b", "cerebras-cs2", Prefill(1, 128), "execution=spatial", what_ifs=False)
    ax = plot_timeline(result, max_tasks=300)
    assert len(ax.patches) <= 300
    regions = {
        server for server in result.table("servers")["server"] if "." in server or server in ("embedding", "head")
    }
    assert regions <= {label.get_text() for label in ax.get_yticklabels()}
    assert f"tasks as {len(ax.patches)} bars" in ax.get_xlabel()
    plt.close("all")
