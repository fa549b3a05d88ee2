"""Load of the fullest rank where experts' tokens come from a power law."""

from __future__ import annotations

import pytest

from accelsim.cost.gpu.skew import fullest_rank


def test_a_flat_law_on_one_rank_is_balanced() -> None:
    """Exponent 0 draws evenly between 1 and 0.8 of the tokens; one rank has all routes whatever the law."""
    load, touched = fullest_rank(tokens=1024, top_k=8, num_experts=64, ranks=1, exponent=0.0)
    assert load == pytest.approx(1.0)
    assert touched == pytest.approx(64.0)


def test_the_fullest_rank_has_more_the_more_ranks_there_are() -> None:
    loads = [fullest_rank(4096, 8, 256, ranks, 1.2)[0] for ranks in (1, 4, 16, 64)]
    assert loads == sorted(loads)
    assert loads[-1] > 2.0


def test_no_expert_gets_more_tokens_than_there_are() -> None:
    """A rank of one expert has at most every token once, which is num_experts / top_k of the mean."""
    load, touched = fullest_rank(tokens=64, top_k=2, num_experts=8, ranks=8, exponent=3.0)
    assert load <= 8 / 2 + 1e-9
    assert touched == pytest.approx(1.0)


def test_few_tokens_leave_experts_without() -> None:
    _, touched = fullest_rank(tokens=1, top_k=8, num_experts=256, ranks=1, exponent=1.2)
    assert 1.0 <= touched <= 8.0 + 1e-9
