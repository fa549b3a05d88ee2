"""What every operator must be: frozen, named by its kind, shardable, and honest about its bytes."""

from __future__ import annotations

import dataclasses

import pytest
from operator_cases import OPERATOR_CASES

from accelsim.workload.operator import OPERATORS, Operator, role_bytes

CASES = [pytest.param(case, id=f"{kind}-{i}") for kind, cases in OPERATOR_CASES.items() for i, case in enumerate(cases)]


@pytest.mark.parametrize("kind", OPERATORS.names())
def test_every_registered_operator_has_a_case_of_its_kind(kind: str) -> None:
    cases = OPERATOR_CASES.get(kind, ())
    assert cases, f"add an example of {kind!r} to tests/contract/operator_cases.py"
    assert {type(case) for case in cases} == {OPERATORS.get(kind)}
    assert OPERATORS.get(kind).kind == kind


@pytest.mark.parametrize("operator", CASES)
def test_an_operator_is_frozen_and_equal_to_its_rebuilt_self(operator: Operator) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        operator.name = "other"  # type: ignore[misc]
    assert dataclasses.replace(operator) == operator


@pytest.mark.parametrize("operator", CASES)
def test_bytes_by_role_add_up_to_reads_and_writes(operator: Operator) -> None:
    assert sum(role_bytes(operator).values()) == operator.reads + operator.writes
    assert operator.reads <= sum(tensor.size_bytes for tensor in operator.inputs)
    assert operator.reads > 0 and operator.writes > 0


@pytest.mark.parametrize("operator", CASES)
def test_counts_are_integers_and_sharding_by_one_changes_nothing(operator: Operator) -> None:
    assert all(isinstance(count, int) for count in (operator.flops, operator.reads, operator.writes))
    axes = {axis.name for tensor in (*operator.inputs, *operator.outputs) for axis in tensor.axes}
    assert operator.shard(dict.fromkeys(axes, 1)) == operator


@pytest.mark.parametrize("operator", CASES)
def test_contracted_axes_are_axes_that_no_result_has(operator: Operator) -> None:
    read = {axis.name for tensor in operator.inputs for axis in tensor.axes}
    written = {axis.name for tensor in operator.outputs for axis in tensor.axes}
    assert operator.contracted_axes <= read - written


@pytest.mark.parametrize("operator", CASES)
def test_the_public_docstring_of_an_operator_is_there(operator: Operator) -> None:
    assert len(type(operator).__doc__ or "") > 100
