"""What the model says of chips whose measurements it never saw: each one priced with the numbers of the others.

The calibrated numbers of a chip are left aside; every number of a section becomes the median of those of the other
chips of the vendor in the same table, each fitted to its own rows.  What describes the chip itself (peaks, bandwidths,
capacities, cores) and the rig is kept.  This is what a new chip of the vendor gets before anybody measures it.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.kernels.base import Families
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Batch
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.validation.compare import MeasuredComparison, comparison_of
from accelsim.validation.machines import Machines
from accelsim.validation.rigs import rig_of
from accelsim.validation.table import Table


def compare_unseen(suite: str, table: Table, machines: Machines | None = None) -> MeasuredComparison:
    """Times of a table by calibrations of other chips against the measured ones.

    Rows of systolic or other machines, and of chips that no other chip of their vendor stands beside, have no time.

    Args:
        suite: Name of the comparison.
        table: Checked rows on at least two chips.
        machines: What the names of hardware mean.
    """
    machines = machines or Machines()
    chips = {name: machines.chip(name) for name in dict.fromkeys(table.text("hardware"))}
    families = Families.known()
    seconds = np.full(len(table), np.nan)
    for (hardware, op, dtype, timing), rows in table.groups().items():
        family, chip = families.of_rows(op), chips[hardware]
        section = family.section(op, DType(dtype)) if family else None
        if family is None or section is None:
            continue
        donors = [GpuCalibration.of(other) for other in chips.values() if _may_stand_in(other, chip, section)]
        if donors:
            batch = Batch(op, DType(dtype), table.extents(op, rows), rig_of(timing, op, hardware).rig)
            parameters = _median([family.parameters(op, batch.dtype, donor)[0] for donor in donors])
            seconds[rows] = family.seconds(batch, parameters, Site.of(chip))
    return comparison_of(suite, table, seconds)


def _may_stand_in(other: Chip, chip: Chip, section: Section) -> bool:
    """Whether ``other`` is of the vendor of ``chip`` and was measured itself."""
    if other.name == chip.name or _vendor(other) != _vendor(chip) or other.cost_model != "gpu":
        return False
    return GpuCalibration.of(other).is_measured(section)


def _vendor(chip: Chip) -> str:
    return chip.name.partition("-")[0]


def _median(donors: list[Any]) -> Any:
    """The first of some parameters with every number the median of all."""
    numbers = [field.name for field in fields(donors[0]) if isinstance(getattr(donors[0], field.name), float)]
    return replace(donors[0], **{name: float(np.median([getattr(d, name) for d in donors])) for name in numbers})
