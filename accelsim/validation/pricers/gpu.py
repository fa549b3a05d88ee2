"""Whole tables on GPUs, through the kernel families of the ``gpu`` cost model."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from accelsim.cost.gpu.kernels.base import Families, KernelFamily
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.validation.pricers.base import Prices, register_table_pricer

#: Rows of one call; calls run in parallel, because numpy lets other threads work.
_CHUNK_ROWS = 4096


@register_table_pricer("gpu")
class GpuTablePricer:
    """Prices rows by their kernel family; one call of its formula per few thousand rows."""

    def predict_table(self, batch: Batch, chip: Chip) -> Prices:
        """See :class:`~accelsim.validation.pricers.base.TablePricer`.

        Args:
            batch: The rows.
            chip: The chip.

        Raises:
            ConfigError: No family prices the operator, or the chip does not run the element type.
        """
        site, family = Site.of(chip), family_of_rows(batch.op)
        parameters, warnings = family.parameters(batch.op, batch.dtype, site.calibration)
        section = family.section(batch.op, batch.dtype)
        outside = site.calibration.num_outside(section, batch.extents) if section else {}
        seconds = _seconds(family, batch, parameters, site)
        return Prices(seconds, {**dict.fromkeys(warnings, len(batch)), **outside})


def family_of_rows(op: str) -> KernelFamily:
    """The kernel family that prices rows of ``op``.

    Raises:
        ConfigError: There is none.
    """
    family = Families.known().of_rows(op)
    if family is None:
        raise ConfigError(f"the gpu cost model does not price {op}")
    return family


def _seconds(family: KernelFamily, batch: Batch, parameters: Any, site: Site) -> Array:
    if len(batch) <= _CHUNK_ROWS:
        return family.seconds(batch, parameters, site)
    parts = [batch.part(first, first + _CHUNK_ROWS) for first in range(0, len(batch), _CHUNK_ROWS)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return np.concatenate(list(threads.map(lambda part: family.seconds(part, parameters, site), parts)))
