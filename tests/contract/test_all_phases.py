"""What every phase must be: a frozen value with sizes that front ends can offer, made of traversals."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from accelsim.errors import PlanError
from accelsim.workload.phase import PHASES, Decode, Mixed, Phase, Prefill, Training, phase_of

#: One small example per phase.
EXAMPLES: dict[str, Phase] = {
    "decode": Decode(batch=4, context=8, steps=3),
    "mixed": Mixed("1+8x4,6+2x2,5x2..."),
    "prefill": Prefill(batch=4, prompt=8),
    "train": Training(seq=8, global_batch=8, micro_batch=2),
}


@pytest.fixture(params=PHASES.names())
def phase(request: pytest.FixtureRequest) -> Phase:
    assert request.param in EXAMPLES, f"add an example of {request.param!r} to EXAMPLES"
    return EXAMPLES[request.param]


def test_a_phase_is_known_by_its_kind(phase: Phase) -> None:
    assert PHASES.get(phase.kind) is type(phase)
    assert str(phase).startswith(f"{phase.kind} ")


def test_every_size_is_declared_with_help_and_reads_its_own_text(phase: Phase) -> None:
    plain = phase.plain()
    assert plain.pop("kind") == phase.kind
    assert [one.name for one in phase.fields()] == list(plain)
    for one in phase.fields():
        assert one.help.endswith((".", "no logits."))
        assert one.parse(str(plain[one.name])) == plain[one.name]


def test_a_phase_is_frozen_hashable_and_its_plain_form(phase: Phase) -> None:
    assert phase_of(phase.plain()) == phase
    assert hash(phase_of(phase.plain())) == hash(phase)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(phase, phase.fields()[0].name, 1)


def test_traversals_hold_the_sequences_and_the_fullest_holds_most(phase: Phase) -> None:
    traversals = phase.traversals()
    assert sum(traversal.tokens for traversal in traversals) == phase.tokens
    assert {traversal.sequences for traversal in traversals} == {phase.sequences}
    assert max(traversal.positions for traversal in traversals) == phase.fullest().positions
    assert phase.first().traversals()[0] == traversals[0]


@pytest.mark.parametrize("dp", [1, 2])
def test_replicas_share_the_tokens_equally(phase: Phase, dp: int) -> None:
    assert phase.alike % dp == 0
    assert phase.replica(dp).tokens * dp == phase.tokens
    assert phase.replica(dp).kind == phase.kind


def test_replicas_without_equal_shares_are_refused(phase: Phase) -> None:
    with pytest.raises(PlanError, match=r"dp=7 does not divide"):
        phase.replica(7)


def test_advice_gets_smaller_and_ends(phase: Phase) -> None:
    for steps in phase.smaller():
        sizes = [phase.fullest().positions, *(smaller.fullest().positions for smaller in steps)]
        assert len(sizes) > 1
        assert all(later < earlier for earlier, later in itertools.pairwise(sizes))
