"""Sections found by dynamic programming are the best of all cuts of a chain, and keep every operator once."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.mapping.execution.fused.sections import Budget, Station, find_sections, may_share, section_s

TIMES = st.integers(0, 20).map(float)
STATIONS = st.builds(
    Station,
    compute_s=TIMES,
    launch_s=TIMES,
    stream_s=st.tuples(TIMES, TIMES),
    held_bytes=st.integers(0, 10),
    is_wall=st.sampled_from([False] * 6 + [True]),
)
CHAINS = st.lists(STATIONS, min_size=1, max_size=7)
BUDGETS = st.builds(Budget, units=st.sampled_from([1, 2, 4, 64]), held_bytes=st.integers(0, 30).map(float))


def _total_s(chain, sections, budget):
    return sum(section_s(chain[one.start : one.stop], budget.units) for one in sections)


def _every_cut(size):
    """All ways to cut a chain of ``size``: 2 to the power of its joints."""
    for joints in itertools.product([False, True], repeat=size - 1):
        ends = [0, *(at + 1 for at, is_cut in enumerate(joints) if is_cut), size]
        yield [range(*pair) for pair in itertools.pairwise(ends)]


@given(CHAINS, BUDGETS)
@settings(max_examples=200, deadline=None)
def test_no_cut_of_a_small_chain_is_faster(chain, budget):
    allowed = [
        cut for cut in _every_cut(len(chain)) if all(may_share(chain[one.start : one.stop], budget) for one in cut)
    ]
    found = find_sections(chain, budget)
    assert list(found) in allowed
    assert _total_s(chain, found, budget) <= min(_total_s(chain, cut, budget) for cut in allowed) * (1 + 1e-12)


@given(CHAINS, BUDGETS, st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_more_sram_never_makes_the_best_cut_slower(chain, budget, more):
    wider = Budget(budget.units, budget.held_bytes + more)
    before = _total_s(chain, find_sections(chain, budget), budget)
    assert _total_s(chain, find_sections(chain, wider), wider) <= before * (1 + 1e-12)
