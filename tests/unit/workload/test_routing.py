"""How tokens spread over experts: closed forms against drawn routings."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.workload.routing import Routing, copies, expected_maximum


def drawn(num_experts: int, top_k: int, tokens: int, seed: int, repeats: int = 400) -> np.ndarray:
    """Experts of every token of ``repeats`` random routings. int[repeats, tokens, top_k]."""
    scores = np.random.default_rng(seed).random((repeats, tokens, num_experts))
    return np.argsort(scores, axis=-1)[..., :top_k]


@pytest.mark.parametrize(("experts", "top_k", "tokens"), [(8, 2, 1), (8, 2, 4), (64, 6, 10), (128, 8, 32)])
def test_distinct_experts_are_those_of_drawn_routings(experts: int, top_k: int, tokens: int) -> None:
    chosen = drawn(experts, top_k, tokens, seed=1)
    counted = np.mean([len(np.unique(one)) for one in chosen])
    assert Routing().distinct(experts, top_k, tokens) == pytest.approx(counted, rel=0.02)


def test_distinct_experts_by_hand() -> None:
    assert Routing().distinct(8, 2, 1) == pytest.approx(2.0)
    assert Routing().distinct(8, 2, 2) == pytest.approx(8 * (1 - 0.75**2))  # 3.5
    assert Routing("balanced").distinct(8, 2, 2) == 4
    assert Routing("balanced").distinct(8, 2, 100) == 8


@pytest.mark.parametrize(
    ("experts", "top_k", "tokens", "ranks"),
    [(8, 2, 64, 2), (8, 2, 64, 8), (64, 6, 32, 8), (64, 6, 4, 8), (96, 8, 16, 32)],
)
def test_the_fullest_rank_is_that_of_drawn_routings(experts: int, top_k: int, tokens: int, ranks: int) -> None:
    rank = drawn(experts, top_k, tokens, seed=2) // (experts // ranks)
    rows = np.stack([(rank == r).sum(axis=(1, 2)) for r in range(ranks)])
    assert expected_maximum(experts, top_k, tokens, ranks) == pytest.approx(rows.max(axis=0).mean(), rel=0.04)


def test_load_falls_to_the_mean_with_many_tokens_and_has_its_limits() -> None:
    loads = [Routing().load(256, 8, tokens, ranks=32) for tokens in (1, 8, 64, 512, 4096, 32768)]
    assert loads == sorted(loads, reverse=True)
    assert 1.0 < loads[-1] < 1.03
    assert Routing().load(256, 8, 1, ranks=32) >= 32 / 8  # one row somewhere, the mean is a quarter
    assert Routing().load(256, 8, 100, ranks=1) == 1.0
    assert Routing("balanced").load(256, 8, 7, ranks=32) == 1.0
    assert Routing("factor", 1.4).load(256, 8, 7, ranks=32) == 1.4


@pytest.mark.parametrize(("experts", "top_k", "ranks"), [(8, 2, 4), (256, 8, 8), (256, 8, 32), (256, 8, 256)])
def test_copies_of_a_token_are_those_of_drawn_routings(experts: int, top_k: int, ranks: int) -> None:
    rank = drawn(experts, top_k, tokens=4, seed=3).reshape(-1, top_k) // (experts // ranks)
    counted = np.mean([len(set(row)) for row in rank.tolist()])
    assert copies(experts, top_k, ranks) == pytest.approx(counted, rel=0.02)


@pytest.mark.parametrize(("text", "kind", "factor"), [("random", "random", 1.0), ("1.25", "factor", 1.25)])
def test_routing_is_read_from_text(text: str, kind: str, factor: float) -> None:
    assert Routing.parse(text) == Routing(kind, factor)
    assert str(Routing.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [("skewed", "unknown kind 'skewed'. Known: random, balanced"), ("0.5", "factor >= 1, got 0.5"), ("nan", "got nan")],
)
def test_impossible_routing_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Routing.parse(text)
