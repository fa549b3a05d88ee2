"""Every kernel family prices what it says it prices: its operators together or alone, and the rows of its tables."""

import numpy as np
import pytest

from accelsim.cost.gpu.kernels.base import KERNEL_FAMILIES, Families, Site
from accelsim.cost.measured import Batch, Operation, Rig
from accelsim.dtypes import DType
from accelsim.hardware.system import load_chip
from accelsim.workload.operator import OPERATORS

FAMILIES = Families.known()
ROWS = [
    pytest.param(name, op, operation, id=f"{name}-{op}")
    for name, family in KERNEL_FAMILIES.items()
    for op, operation in family.operations.items()
]
#: Rows that stand for one of our operators; others, such as whole trainings, are priced as rows only.
BUILT = [row for row in ROWS if row.values[2].build is not None]
#: Extents that every kernel runs, by column; others are 8.
EXTENTS = {"m": 512, "n": 1024, "k": 1024, "hidden": 1024, "ffn": 2048, "q_len": 128, "kv_len": 256, "head_dim": 128,
           "heads": 8, "kv_heads": 8, "seq_q": 128, "seq_kv": 256, "tokens": 64, "topk": 2, "batch": 1}  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.of(load_chip("nvidia-h100-sxm"))


def extents_of(operation: Operation) -> dict[str, int]:
    return {key: EXTENTS.get(key, 8) for key in operation.needs} | dict(operation.optional or {})


@pytest.mark.parametrize("name", KERNEL_FAMILIES.names())
def test_the_operators_of_a_family_are_operators(name: str) -> None:
    assert set(KERNEL_FAMILIES.get(name).kinds) <= set(OPERATORS.names())
    assert KERNEL_FAMILIES.get(name).__doc__


@pytest.mark.parametrize(("name", "op", "operation"), BUILT)
def test_what_a_row_stands_for_is_priced_by_the_family_alone_as_among_others(
    name: str, op: str, operation: Operation, site: Site
) -> None:
    operator = operation.build(extents_of(operation), DType.BF16)
    family = FAMILIES.of_operator(operator)
    assert operator.kind in KERNEL_FAMILIES.get(name).kinds
    (alone,) = family.costs([operator], site)
    assert alone.work_s > 0
    assert sum(alone.parts_s.values()) == pytest.approx(alone.work_s, rel=1e-12)
    assert alone.limiter in alone.parts_s
    assert alone.traffic_bytes[site.chip.main_memory] >= 0
    among = family.costs([operator, operation.build(extents_of(operation), DType.FP16), operator], site)
    assert (among[0], among[2]) == (alone, alone)


@pytest.mark.parametrize(("name", "op", "operation"), ROWS)
def test_rows_are_priced_alone_as_among_others_and_more_takes_longer(
    name: str, op: str, operation: Operation, site: Site
) -> None:
    family = FAMILIES.of_rows(op)
    assert isinstance(family, KERNEL_FAMILIES.get(name))
    parameters, _ = family.parameters(op, DType.BF16, site.calibration)
    extents = {key: np.array([float(value)] * 3) for key, value in extents_of(operation).items()}
    first = operation.needs[0]
    extents[first] = extents[first] * np.array([1.0, 1.0, 64.0])
    batch = Batch(op, DType.BF16, extents, Rig())
    seconds = family.seconds(batch, parameters, site)
    assert seconds[0] == seconds[1] == family.seconds(batch.part(0, 1), parameters, site)[0]
    assert 0 < seconds[0] < seconds[2]
