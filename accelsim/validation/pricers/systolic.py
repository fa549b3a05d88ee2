"""Whole tables on systolic chips: products vectorised, the other operators one by one."""

from __future__ import annotations

import numpy as np

from accelsim.cost.base import COST_MODELS
from accelsim.cost.measured import Batch
from accelsim.cost.systolic.gemm import gemm_times
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters
from accelsim.hardware.chip import Chip
from accelsim.validation.pricers.base import OperatorByOperator, Prices, register_table_pricer
from accelsim.warning import warn


@register_table_pricer("systolic")
class SystolicTablePricer:
    """Prices products as arrays; row operators and attention, of which tables hold few, by the cost model."""

    def predict_table(self, batch: Batch, chip: Chip) -> Prices:
        """See :class:`~accelsim.validation.pricers.base.TablePricer`."""
        if batch.op not in ("gemm", "batched_gemm"):
            return OperatorByOperator(COST_MODELS.get(chip.cost_model)()).predict_table(batch, chip)
        parameters = chip.calibrated("systolic", SystolicParameters)
        machine = SystolicMachine.of(chip, batch.dtype, chip.num_cores, parameters)
        x = batch.extents
        times = gemm_times(x["m"], x["n"], x["k"], machine, parameters, x["batch"])
        inside = 0.0 if batch.rig.has_launch else parameters.launch_s
        return Prices(times.total_s - inside + batch.rig.overhead_s, _warnings(batch, parameters))


def _warnings(batch: Batch, parameters: SystolicParameters) -> dict[str, int]:
    """Rows of an element type or extent that the calibration did not see."""
    found = {}
    if batch.dtype.value not in parameters.calibrated_dtypes:
        seen = ", ".join(parameters.calibrated_dtypes) or "nothing"
        text = f"{batch.dtype.value} is outside the calibration, which saw {seen}; its rates are assumed"
        found[warn("dtype-uncalibrated", text)] = len(batch)
    low, high = parameters.calibrated_extents
    sides = np.stack([batch.extents[name] for name in "mnk"])
    count = int(((sides < low) | (sides > high)).any(axis=0).sum())
    if count:
        found[warn("outside-calibration", f"an extent outside the calibrated {low} to {high}")] = count
    return found
