"""Contracts of the table forms of cost models: they belong to a cost model and agree with it row by row."""

import numpy as np
import pytest

from accelsim.catalog import Catalog
from accelsim.cost.base import COST_MODELS
from accelsim.cost.measured import Batch, Rig
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip
from accelsim.validation.calibrators.base import CALIBRATORS
from accelsim.validation.pricers.base import TABLE_PRICERS, OperatorByOperator, pricer_of

#: (op, extents): large enough that no operand stays in a cache, where rigs and runs of a model differ.
CASES = [
    ("gemm", {"m": 2048.0, "n": 16384.0, "k": 16384.0, "batch": 1.0}),
    ("add", {"m": 65536.0, "n": 8192.0}),
    ("layernorm", {"m": 65536.0, "n": 8192.0}),
    ("softmax", {"m": 65536.0, "n": 8192.0}),
    ("rope", {"m": 65536.0, "n": 8192.0}),
    ("silu_mul", {"m": 65536.0, "n": 8192.0}),
]


def chip_of(cost_model: str) -> Chip:
    """A chip of the catalog that uses the cost model."""
    return next(c for c in map(load_chip, Catalog().names("chips")) if c.cost_model == cost_model)


@pytest.mark.parametrize("name", [*TABLE_PRICERS.names(), *CALIBRATORS.names()])
def test_every_member_is_called_as_its_cost_model(name: str) -> None:
    assert name in COST_MODELS


@pytest.mark.parametrize("name", TABLE_PRICERS.names())
@pytest.mark.parametrize(("op", "extents"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_a_table_agrees_with_the_cost_model_where_caches_do_not_matter(name: str, op: str, extents: dict) -> None:
    chip = chip_of(name)
    batch = Batch(op, DType.FP16, {key: np.array([value, value]) for key, value in extents.items()}, Rig())
    table = pricer_of(chip).predict_table(batch, chip).seconds
    single = OperatorByOperator(COST_MODELS.get(name)()).predict_table(batch, chip).seconds
    assert table.tolist() == pytest.approx(single.tolist(), rel=0.02)
    assert table[0] == table[1] > 0
