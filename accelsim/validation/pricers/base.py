"""What a table pricer is: arrays of extents in, arrays of seconds out, for one operator and element type.

A cost model without a pricer of its own is asked operator by operator (:class:`OperatorByOperator`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from accelsim.cost.base import COST_MODELS, CostModel, Region
from accelsim.cost.measured import Array, Batch
from accelsim.errors import CapacityError, ConfigError
from accelsim.hardware.chip import Chip
from accelsim.registry import Registry
from accelsim.validation.operations import OPERATIONS


@dataclass(frozen=True, eq=False)
class Prices:
    """What a pricer says of a batch.

    Attributes:
        seconds: Of each row, NaN where there is none.
        warnings: Why to trust them less, and how many rows that concerns.
    """

    seconds: Array
    warnings: Mapping[str, int] = field(default_factory=dict)


class TablePricer(Protocol):
    """Prices batches of rows on one class of machine."""

    def predict_table(self, batch: Batch, chip: Chip) -> Prices:
        """Seconds of the rows of ``batch`` on the whole of ``chip``.

        Args:
            batch: Extents of rows of one operator, element type and rig.
            chip: The chip they run on, with its calibration.

        Raises:
            ConfigError: The cost model does not run this operator or element type.
        """
        ...


TABLE_PRICERS: Registry[type[TablePricer]] = Registry("table pricer", "accelsim.validation.pricers")
register_table_pricer = TABLE_PRICERS.register


def pricer_of(chip: Chip) -> TablePricer:
    """The pricer of the chip's cost model, or the one that asks the cost model operator by operator."""
    if chip.cost_model in TABLE_PRICERS:
        return TABLE_PRICERS.get(chip.cost_model)()
    return OperatorByOperator(COST_MODELS.get(chip.cost_model)())


@dataclass(frozen=True)
class OperatorByOperator:
    """Prices each distinct row by the cost model's ``cost``; as slow as that is."""

    model: CostModel

    def predict_table(self, batch: Batch, chip: Chip) -> Prices:
        """See :class:`TablePricer`; a row that cannot run on the chip gets no time and a warning."""
        build = OPERATIONS[batch.op].build
        if build is None:
            raise ConfigError(f"no operator prices {batch.op}")
        names = list(batch.extents)
        stacked = np.stack([batch.extents[name] for name in names], axis=1)
        shapes, index, counts = np.unique(stacked, axis=0, return_inverse=True, return_counts=True)
        seconds = np.full(len(shapes), np.nan)
        warnings: Counter[str] = Counter()
        for i, shape in enumerate(shapes.astype(np.int64).tolist()):
            try:
                operator = build(dict(zip(names, shape, strict=True)), batch.dtype)
                cost = self.model.cost(operator, chip, Region(*chip.core_grid))
            except CapacityError as error:
                warnings[str(error)] += int(counts[i])
                continue
            inside = 0.0 if batch.rig.has_launch else cost.launch_s
            seconds[i] = cost.work_s - inside + batch.rig.overhead_s
            warnings.update(dict.fromkeys(cost.warnings, int(counts[i])))
        return Prices(seconds[index.reshape(-1)], warnings)
