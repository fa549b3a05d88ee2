"""What every collective algorithm must do: the right data everywhere, the closed form's time, the folded bytes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.cost.call import closed_form_s
from accelsim.engine import simulate
from accelsim.hardware.link import LinkSpec
from accelsim.network.collectives import COLLECTIVES, Schedule
from accelsim.network.collectives.schedule import merge
from accelsim.network.play import schedule_graph
from accelsim.network.topology import TOPOLOGIES, Topology

NAMES = COLLECTIVES.names()
LINK = LinkSpec(bandwidth_bytes_per_s=100e9, latency_s=1e-6)


def shapes_of(name: str) -> list[tuple[int, ...]]:
    if COLLECTIVES.get(name).follows_grid:
        shapes = [(1, 1), (2, 2), (2, 1, 3), (4, 4), (3, 5), (2, 4), (2, 2, 2), (4, 2, 4), (3, 3, 3)]
    elif name.endswith("hierarchical"):
        shapes = [(1,), (2,), (6,), (2, 4), (4, 2), (3, 5), (2, 2, 2)]
    else:
        shapes = [(1,), (2,), (3,), (4,), (5,), (7,), (8,), (16,)]
    return [shape for shape in shapes if COLLECTIVES.get(name).fits(shape)]


def start(kind: str, schedule: Schedule) -> list[list[set[int]]]:
    """For each rank (and switch) and chunk, whose contributions it holds."""
    num_ranks, num_chunks = schedule.num_ranks, len(schedule.chunk_bytes)
    nothing = [[set() for _ in range(num_chunks)] for _ in range(schedule.num_switches)]

    def holds(rank: int, chunk: int) -> bool:
        if kind == "all_to_all":
            return chunk // num_ranks == rank
        if kind == "all_gather":
            return chunk % num_ranks == rank
        return kind in ("all_reduce", "reduce_scatter", "reduce") or rank == 0

    return [[{rank} if holds(rank, chunk) else set() for chunk in range(num_chunks)] for rank in range(num_ranks)] + (
        nothing
    )


def is_done(kind: str, held: list[list[set[int]]]) -> bool:
    """Whether the chunks that belong to each rank are there, whole."""
    num_ranks, everyone = len(held), set(range(len(held)))

    def is_right(rank: int, chunk: int, contributions: set[int]) -> bool:
        if kind == "all_reduce" or (kind == "reduce_scatter" and chunk % num_ranks == rank):
            return contributions == everyone
        if kind == "reduce":
            return rank != 0 or contributions == everyone
        if kind == "all_gather":
            return contributions == {chunk % num_ranks}
        if kind == "all_to_all":
            return chunk % num_ranks != rank or contributions == {chunk // num_ranks}
        return kind == "reduce_scatter" or contributions == {0}

    return all(is_right(rank, c, what) for rank, chunks in enumerate(held) for c, what in enumerate(chunks))


def replay(kind: str, schedule: Schedule) -> list[list[set[int]]]:
    held = start(kind, schedule)
    for step in range(schedule.num_steps):
        moved = []
        for row in np.flatnonzero(schedule.step == step).tolist():
            src, dst, chunk = (int(column[row]) for column in (schedule.src, schedule.dst, schedule.chunk))
            assert held[src][chunk], f"step {step}: rank {src} sends chunk {chunk}, which it does not hold"
            moved.append((dst, chunk, set(held[src][chunk]), bool(schedule.reduce[row])))
        for dst, chunk, arrived, reduce in moved:
            if reduce:
                assert not held[dst][chunk] & arrived, f"step {step}: rank {dst} adds a contribution twice"
            held[dst][chunk] = held[dst][chunk] | arrived if reduce else arrived
    return held[: schedule.num_ranks]


@pytest.mark.parametrize("name", NAMES)
def test_every_rank_ends_with_the_right_data_and_reduces_each_contribution_once(name: str) -> None:
    kind = name.partition("/")[0]
    for shape in shapes_of(name):
        schedule = COLLECTIVES.get(name).schedule(1000, shape)
        assert is_done(kind, replay(kind, schedule)), f"ranks {shape}"


def port_bytes(schedule: Schedule) -> np.ndarray:
    """Bytes through the busier direction of each rank's port, by step and rank."""
    participants = schedule.num_ranks + schedule.num_switches
    loads = np.zeros((2, schedule.num_steps, participants), dtype=np.int64)
    for direction, ranks in enumerate((schedule.src, schedule.dst)):
        np.add.at(loads[direction], (schedule.step, ranks), schedule.nbytes)
    return loads.max(axis=0)[:, : schedule.num_ranks]


@pytest.mark.parametrize("name", NAMES)
@given(nbytes=st.integers(0, 2**36), pick=st.integers(0, 8))
@settings(max_examples=25, deadline=None)
def test_folding_counts_the_busiest_rank_of_every_step(name: str, nbytes: int, pick: int) -> None:
    algorithm, shapes = COLLECTIVES.get(name), shapes_of(name)
    shape = shapes[pick % len(shapes)]
    schedule, folded = algorithm.schedule(nbytes, shape), algorithm.folded(nbytes, shape)
    assert schedule.chunk_bytes.sum() == nbytes * (schedule.num_ranks if name.startswith("all_to_all") else 1)
    assert schedule.chunk_bytes.max() - schedule.chunk_bytes.min() <= 1
    assert sum(step.repeat for step in folded) == schedule.num_steps
    if schedule.num_steps == 0:
        return
    per_step = np.repeat([step.nbytes for step in folded], [step.repeat for step in folded])
    busiest = port_bytes(schedule).max(axis=1)
    rounding = np.bincount(schedule.step)  # at most one byte a chunk sent
    if len({extent for extent in shape if extent > 1}) <= 1 or not algorithm.follows_grid:
        assert (algorithm.links(shape) * per_step >= busiest).all()
        assert (algorithm.links(shape) * per_step <= busiest + rounding).all()
    else:
        assert algorithm.links(shape) * per_step.sum() >= busiest.sum()


def topologies_for(name: str, shape: tuple[int, ...]) -> list[Topology]:
    if COLLECTIVES.get(name).follows_grid:
        return [TOPOLOGIES.get("torus")(shape, (True,) * len(shape), LINK)]
    num_ranks = math.prod(shape)
    kinds = {"ring": ("switch", "ring"), "bidirectional_ring": ("ring",)}.get(name.partition("/")[2], ("switch",))
    if name.startswith("all_to_all/ring"):
        kinds = ("switch", "ring")
    return [TOPOLOGIES.get(topology)((num_ranks,), (True,), LINK) for topology in kinds]


@pytest.mark.parametrize("name", NAMES)
def test_engine_and_closed_form_agree_on_an_idle_network(name: str) -> None:
    algorithm = COLLECTIVES.get(name)
    for shape in shapes_of(name):
        num_ranks = math.prod(shape)
        if num_ranks == 1:
            continue
        nbytes = 5040 * num_ranks * 12 * 2  # whole chunks: folding is exact
        schedule = algorithm.schedule(nbytes, shape)
        wire_s = 0.5e-6 if schedule.num_switches else 1e-6  # to the switch and no further
        expected_s = closed_form_s(algorithm.folded(nbytes, shape), wire_s + 2e-6, 100e9)
        for topology in topologies_for(name, shape):
            graph = schedule_graph(schedule, topology, step_latency_s=2e-6, lock_step=True)
            assert simulate(graph, engine="simpy").makespan_ticks * 1e-15 == pytest.approx(expected_s, rel=1e-9)
            freely = schedule_graph(schedule, topology, step_latency_s=2e-6)
            assert simulate(freely, engine="simpy").makespan_ticks * 1e-15 <= expected_s * (1 + 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_messages_are_the_chunks_of_a_step_between_two_ranks_together(name: str) -> None:
    algorithm = COLLECTIVES.get(name)
    for shape in shapes_of(name):
        nbytes = 12 * math.prod(shape) * 24
        messages, merged = algorithm.messages(nbytes, shape), merge(algorithm.schedule(nbytes, shape))
        rows = [
            sorted(zip(*(c.tolist() for c in (s.step, s.src, s.dst, s.nbytes)), strict=True))
            for s in (messages, merged)
        ]
        if all(extent > 2 for extent in shape if extent > 1):  # else two parts share the link between two ranks
            assert rows[0] == rows[1]
        assert messages.nbytes.sum() == merged.nbytes.sum()


PIPELINED = [name for name in NAMES if name.partition("/")[2] in ("double_binary_tree", "in_network")]


@pytest.mark.parametrize("name", PIPELINED)
def test_engine_and_closed_form_agree_with_many_pieces(name: str) -> None:
    algorithm = COLLECTIVES.get(name)
    for num_ranks in (2, 5, 8):
        nbytes = num_ranks * 2 * 7 * 2**17  # several pieces, whole chunks
        schedule = algorithm.schedule(nbytes, (num_ranks,))
        expected_s = closed_form_s(algorithm.folded(nbytes, (num_ranks,)), 0.5e-6 + 2e-6, 100e9)
        wire = LINK if schedule.num_switches else LINK.model_copy(update={"latency_s": 0.5e-6})
        topology = TOPOLOGIES.get("switch")((num_ranks,), (True,), wire)
        graph = schedule_graph(schedule, topology, step_latency_s=2e-6, lock_step=True)
        assert simulate(graph).makespan_ticks * 1e-15 == pytest.approx(expected_s, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_rank_alone_moves_nothing(name: str) -> None:
    if COLLECTIVES.get(name).fits((1,)):
        assert COLLECTIVES.get(name).folded(4096, (1,)) == ()
        assert len(COLLECTIVES.get(name).schedule(4096, (1,)).step) == 0
