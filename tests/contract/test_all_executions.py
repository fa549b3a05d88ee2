"""What every execution must keep: it maps a small model, loses no work, and says which keys of a plan it reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accelsim.dtypes import DType
from accelsim.engine.program import Program, run_program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraphBuilder
from accelsim.errors import PlanError, VerificationError
from accelsim.hardware.system import load_system
from accelsim.mapping.booking import Booking, Overlapped
from accelsim.mapping.execution.base import EXECUTIONS, Execution, register_execution
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped, ServerRoles
from accelsim.mapping.plan import Plan
from accelsim.mapping.plan_keys import KEY_READERS, Count, ElementType, PlanKey, RowsByCols, Word, known_keys
from accelsim.pipeline import simulate
from accelsim.results.books import keep_books
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Decode, Mixed, Prefill
from accelsim.workload.recipe import Recipe
from accelsim.workload.series import build_series

INPUTS = Path(__file__).parents[1] / "golden" / "inputs"
TINY, MACHINE = str(INPUTS / "tiny.json"), f"{INPUTS / 'small-arrays.yaml'}:1"
EVERY = pytest.mark.parametrize("name", EXECUTIONS.names())
PHASES = pytest.mark.parametrize("phase", [Prefill(2, 48), Decode(4, 40, 3), Mixed("1+40x3,1+90,32+16")], ids=str)
#: A value beside the default for each kind of key.
VALUES = {Count: 7, Word: "another", RowsByCols: (3, 5), ElementType: DType.FP8}


@pytest.fixture(scope="module")
def mapped_by():
    """Maps the small model by an execution: its job, passes and what mapping made of them."""

    def mapped(name, phase):
        job = Job(load_model(TINY), load_system(MACHINE), phase, Plan(execution=name), Recipe.of(DType.BF16))
        passes = build_series(job.model, phase, job.recipe)
        return job, passes, EXECUTIONS.get(name)().map(job, passes)

    return mapped


@EVERY
@PHASES
def test_the_operators_of_all_passes_run_once_each(name, phase, mapped_by):
    _, passes, mapped = mapped_by(name, phase)
    bookings = list(mapped.bookings())
    assert sum(one.flops * one.count for one in bookings) == sum(
        workload.flops for series in passes for workload in series
    )
    runs = {one.name for one in bookings if one.operator is not None}
    assert runs == {
        operator.name
        for series in passes
        for workload in series
        for segment in workload.segments
        for operator in segment.graph
    }


@EVERY
@PHASES
def test_the_books_hold_every_byte_and_every_second(name, phase, mapped_by):
    job, _, mapped = mapped_by(name, phase)
    timeline = run_program(mapped.program)
    ledger = keep_books(mapped, timeline, job.system.chip.main_memory)
    assert sum(ledger.cause_s.values()) == pytest.approx(timeline.makespan_s, rel=1e-9)
    assert sum(part.time_s for part in ledger.critical) == pytest.approx(timeline.makespan_s, rel=1e-9)
    moved: dict[str, float] = {}
    for one in mapped.bookings():
        for level, nbytes in one.cost.traffic_bytes.items():
            moved[level] = moved.get(level, 0.0) + nbytes * one.count
    assert {level: n for level, n in ledger.traffic_bytes.items() if n} == pytest.approx(
        {level: n for level, n in moved.items() if n}
    )
    graphs = [(stage.repeat, stage.graph) for stage in mapped.program.stages]
    on_links = sum(repeat * int((np.diff(graph.route_ptr) * graph.nbytes).sum()) for repeat, graph in graphs)
    assert int(timeline.link_bytes.sum()) == on_links


@EVERY
def test_what_is_mapped_names_its_kinds_servers_and_chips(name, mapped_by):
    job, _, mapped = mapped_by(name, Prefill(2, 48))
    graph = mapped.program.stages[0].graph
    assert len(mapped.kinds(0)) == len(graph.labels)
    assert {mapped.servers.stream, mapped.servers.comm, mapped.servers.host} <= {None, *graph.servers}
    assert 1 <= mapped.num_chips <= job.system.num_chips
    assert (
        mapped.footprint.total_bytes > sum(one.operator.weight_bytes for one in mapped.bookings() if one.operator) / 4
    )
    assert mapped.plan.execution == name


@EVERY
@pytest.mark.parametrize("key", known_keys())
def test_a_key_that_an_execution_does_not_read_is_refused_in_words(name, key):
    if key in {own.name for own in EXECUTIONS.get(name).keys}:
        return
    with pytest.raises(PlanError) as error:
        Plan(execution=name, **{key: VALUES[type(known_keys()[key].kind)]})
    text = str(error.value)
    assert text.startswith(f"plan: {key} has no meaning with execution={name}. Leave {key} out, or use execution=")


@EVERY
def test_every_candidate_of_auto_names_its_execution(name, mapped_by):
    job, _, _ = mapped_by(name, Prefill(2, 48))
    assert {plan.execution for plan in EXECUTIONS.get(name)().candidates(job)} <= {name}


def test_what_does_not_belong_together_is_no_mapped(mapped_by):
    _, _, mapped = mapped_by("whole_chip", Prefill(2, 48))
    with pytest.raises(VerificationError, match="0 blocks stand for"):
        replace(mapped, blocks=())
    with pytest.raises(VerificationError, match="no server is called 'straem'"):
        replace(mapped, servers=ServerRoles(stream="straem"))
    _, _, mapped = mapped_by("spatial", Prefill(2, 48))
    with pytest.raises(VerificationError, match="labels have 0 kinds"):
        replace(mapped, overlapped=replace(mapped.overlapped, kinds=()))


@pytest.fixture
def outside(monkeypatch):
    """An execution as an outside package would bring it: every pass takes ``mykey`` milliseconds."""
    for registry in (EXECUTIONS, KEY_READERS):
        registry.discover()
        monkeypatch.setattr(registry, "_members", dict(registry._members))

    @register_execution("mine")
    class Mine(Execution):
        keys = (PlanKey("mykey", Count(), "Milliseconds of a pass.", default=1),)

        def map(self, job, passes):
            builder = TaskGraphBuilder()
            server, before = builder.server("oracle"), []
            for _ in range(sum(series.count for series in passes)):
                before = [builder.task("guess", server, job.plan.mykey * 1e-3, after=before)]
            graph = builder.build()
            alone_s = {"compute": np.full(graph.num_tasks, job.plan.mykey * 1e-3)}
            bookings: tuple[Booking, ...] = ()
            return Mapped(
                job.plan,
                Program.of(Stage(graph, 1, "guesses")),
                num_chips=1,
                footprint=Footprint("sram", job.system.chip.main_memory_bytes, {"weight": 1}),
                overlapped=Overlapped(bookings, alone_s, ("guess",)),
            )


def test_an_execution_of_an_outside_package_is_run_by_its_name_and_keys(outside):
    result = simulate(TINY, MACHINE, Decode(1, 40, 2), "execution=mine,mykey=3", what_ifs=False)
    assert result.latency_s == pytest.approx(2 * 3e-3, rel=1e-12)
    assert str(result.plan) == "execution=mine,mykey=3"
    assert result.to_dict()["plan"] == {"execution": "mine", "mykey": 3}
    assert result.ledger.cause_s == pytest.approx({"compute": 6e-3})
    assert set(result.table("tasks").columns) >= {"server", "operator"}


def test_keys_of_an_outside_execution_are_checked_like_our_own(outside):
    with pytest.raises(PlanError, match="mykey must be an integer >= 1, got 0"):
        Plan.parse("execution=mine,mykey=0")
    with pytest.raises(PlanError, match="mykey has no meaning with execution=whole_chip"):
        Plan.parse("mykey=3")
    with pytest.raises(PlanError, match="Did you mean 'mykey'"):
        Plan.parse("execution=mine,myky=3")
