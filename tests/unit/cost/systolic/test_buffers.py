"""Stalls of double-buffered SRAM: by hand, and what more of it can do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.cost.systolic.buffers import BufferedCycles, Buffers, buffered_cycles, scale_sim
from accelsim.cost.systolic.cycles import DATAFLOWS, array_cycles
from accelsim.errors import ConfigError

EXTENT = st.integers(1, 60)
SIDE = st.integers(2, 9)
DATAFLOW = st.sampled_from(DATAFLOWS)


def test_operands_that_fit_in_the_half_that_is_read_never_wait() -> None:
    # 100 words of A, 100 of B, 100 results, in halves of 150
    run = buffered_cycles((10, 10, 10), (10, 10), "ws", Buffers(300, fetch=1, drain=1))
    assert run == BufferedCycles(int(array_cycles(10, 10, 10, 10, 10, "ws")), 0)


def test_one_fetch_is_waited_for_from_when_it_is_missed() -> None:
    # B is 20 x 10 = 200 words, two folds of 100; the half that is read holds 100, lines are of 2 words.
    # Fold 0 takes 10 + (1 + 10 + 10 - 2) = 29 cycles. Cycle 29 asks for the last row of fold 1: a miss. The other half
    # of 100 words was being fetched at 1 word a cycle, there at -1 + 100 + 1 = 100. It has to wait 100 - (29 + 1) = 70.
    run = buffered_cycles((1, 10, 20), (10, 10), "ws", Buffers(200, fetch=1, drain=100))
    assert run.stalls == 70
    assert run.cycles == int(array_cycles(1, 10, 20, 10, 10, "ws")) + 70
    # as SCALE-Sim counts, every wait is there twice
    assert buffered_cycles((1, 10, 20), (10, 10), "ws", Buffers(200, 1, 100, waits=2)).stalls == 140
    # at 4 words a cycle the half is there at 25, before it is asked for
    assert buffered_cycles((1, 10, 20), (10, 10), "ws", Buffers(200, fetch=4, drain=100)).stalls == 0


def test_the_array_waits_for_results_that_cannot_be_written_back() -> None:
    # 400 results of one cycle's work each leave at 1 word a cycle; 200 words take the rest
    run = buffered_cycles((40, 10, 40), (10, 10), "ws", Buffers(3200, fetch=100, drain=1))
    assert run.stalls == 0
    slow = buffered_cycles((400, 10, 40), (10, 10), "ws", Buffers(3200, fetch=100, drain=1))
    # four folds write 400 x 10 words each: 16,000 words, of which 3,200 may be left in the buffer, at 1 a cycle
    assert 16_000 - 2 * 3_200 < slow.cycles < 16_000


@settings(max_examples=60, deadline=None)
@given(m=EXTENT, n=EXTENT, k=EXTENT, rows=SIDE, cols=SIDE, dataflow=DATAFLOW, words=st.integers(100, 2000))
def test_more_bandwidth_never_waits_more_and_scalesim_counts_at_least_what_is_waited(
    m: int, n: int, k: int, rows: int, cols: int, dataflow: str, words: int
) -> None:
    def cycles(fetch: int, waits: int = 1) -> int:
        return buffered_cycles((m, n, k), (rows, cols), dataflow, Buffers(words, fetch, 100, waits)).cycles

    free = int(array_cycles(m, n, k, rows, cols, dataflow))
    assert free <= cycles(100) <= cycles(10) <= cycles(1) <= cycles(1, waits=2)


@pytest.mark.parametrize("buffers", [(99, 1, 1), (100, 0, 1), (100, 1, 0)])
def test_buffers_that_move_nothing_are_refused(buffers: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match="systolic buffers: need at least 100 words"):
        Buffers(*buffers)


def test_an_unknown_dataflow_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown dataflow 'rs'"):
        buffered_cycles((1, 1, 1), (2, 2), "rs", scale_sim(1024, 1))
