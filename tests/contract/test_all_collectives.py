"""What every collective algorithm must do: the right data everywhere, the closed form's time, the folded bytes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine import simulate
from accelsim.hardware.link import LinkSpec
from accelsim.network.collectives import COLLECTIVES, Schedule
from accelsim.network.collectives.base import closed_form_s
from accelsim.network.play import schedule_graph
from accelsim.network.topology import TOPOLOGIES, Topology

NAMES = COLLECTIVES.names()
LINK = LinkSpec(bandwidth_bytes_per_s=100e9, latency_s=1e-6)


def shapes_of(name: str) -> list[tuple[int, ...]]:
    if name.startswith("send_recv"):
        return [(2,)]
    if COLLECTIVES.get(name).follows_grid:
        return [(1, 1), (2, 2), (2, 1, 3), (4, 4), (3, 5), (2, 4), (2, 2, 2), (4, 2, 4), (3, 3, 3)]
    return [(1,), (2,), (3,), (4,), (7,), (8,), (16,)]


def start(kind: str, num_ranks: int, num_chunks: int) -> list[list[set[int]]]:
    """For each rank and chunk, whose contributions it holds."""
    if kind in ("all_reduce", "reduce_scatter"):
        return [[{rank} for _ in range(num_chunks)] for rank in range(num_ranks)]
    if kind == "all_gather":
        return [
            [{rank} if chunk % num_ranks == rank else set() for chunk in range(num_chunks)] for rank in range(num_ranks)
        ]
    return [[{0} if rank == 0 else set() for _ in range(num_chunks)] for rank in range(num_ranks)]


def is_done(kind: str, held: list[list[set[int]]]) -> bool:
    everyone = set(range(len(held)))
    if kind == "all_reduce":
        return all(chunk == everyone for chunks in held for chunk in chunks)
    if kind == "reduce_scatter":
        return all(
            chunks[c] == everyone for rank, chunks in enumerate(held) for c in range(rank, len(chunks), len(held))
        )
    if kind == "all_gather":
        return all(chunks[chunk] == {chunk % len(held)} for chunks in held for chunk in range(len(chunks)))
    return all(chunk == {0} for chunk in held[1])


def replay(kind: str, schedule: Schedule) -> list[list[set[int]]]:
    held = start(kind, schedule.num_ranks, len(schedule.chunk_bytes))
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
    return held


@pytest.mark.parametrize("name", NAMES)
def test_every_rank_ends_with_the_right_data_and_reduces_each_contribution_once(name: str) -> None:
    kind = name.partition("/")[0]
    for shape in shapes_of(name):
        schedule = COLLECTIVES.get(name).schedule(1000, shape)
        assert is_done(kind, replay(kind, schedule)), f"ranks {shape}"


@pytest.mark.parametrize("name", NAMES)
@given(nbytes=st.integers(0, 2**40), pick=st.integers(0, 8))
@settings(max_examples=30, deadline=None)
def test_chunks_are_the_whole_buffer_and_folding_counts_the_largest(name: str, nbytes: int, pick: int) -> None:
    algorithm, shapes = COLLECTIVES.get(name), shapes_of(name)
    shape = shapes[pick % len(shapes)]
    schedule, folded = algorithm.schedule(nbytes, shape), algorithm.folded(nbytes, shape)
    assert schedule.chunk_bytes.sum() == nbytes
    assert schedule.chunk_bytes.max() - schedule.chunk_bytes.min() <= 1
    assert sum(step.repeat for step in folded) == schedule.num_steps
    folded_bytes = algorithm.links(shape) * sum(step.nbytes * step.repeat for step in folded)
    equal = len({extent for extent in shape if extent > 1}) <= 1
    for rank in range(schedule.num_ranks):
        rows = schedule.src == rank
        sent = int(schedule.nbytes[rows].sum())
        assert sent == 0 or folded_bytes >= sent
        assert sent == 0 or not equal or folded_bytes - sent <= rows.sum()  # at most one byte a chunk sent


def topologies_for(name: str, shape: tuple[int, ...]) -> list[Topology]:
    if COLLECTIVES.get(name).follows_grid:
        return [TOPOLOGIES.get("torus")(shape, (True,) * len(shape), LINK)]
    return [TOPOLOGIES.get(topology)(shape, (True,), LINK) for topology in ("switch", "ring")]


@pytest.mark.parametrize("name", NAMES)
def test_engine_and_closed_form_agree_on_an_idle_network(name: str) -> None:
    algorithm = COLLECTIVES.get(name)
    for shape in shapes_of(name):
        num_ranks = math.prod(shape)
        if num_ranks == 1:
            continue
        nbytes = 5040 * num_ranks * 12  # whole chunks: folding is exact
        expected_s = closed_form_s(algorithm.folded(nbytes, shape), 1e-6 + 2e-6, 100e9)
        for topology in topologies_for(name, shape):
            graph = schedule_graph(algorithm.schedule(nbytes, shape), topology, step_latency_s=2e-6)
            assert simulate(graph, engine="simpy").makespan_ticks * 1e-15 == pytest.approx(expected_s, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_rank_alone_moves_nothing(name: str) -> None:
    if not name.startswith("send_recv"):
        assert COLLECTIVES.get(name).folded(4096, (1,)) == ()
        assert len(COLLECTIVES.get(name).schedule(4096, (1,)).step) == 0
