"""A small machine whose numbers make hand arithmetic easy."""

from __future__ import annotations

from dataclasses import replace

from ideal import ideal

from accelsim.cost.operands import ProductBytes
from accelsim.cost.systolic.array import ArrayUse
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters

#: 1e12 MAC/s and 1e9 vector operations/s per core, 1e9 B/s, 16 MiB of core memory, 2-byte elements the array takes.
MACHINE = SystolicMachine(
    array=ArrayUse(128, 128),
    lanes=128,
    sublanes=8,
    num_cores=2,
    macs_per_s=1e12,
    vector_ops_per_s=1e9,
    hbm_bytes_per_s=1e9,
    chip_cores=2,
    sram_bytes=16 * 2**20,
    element_bytes=2,
    product=ProductBytes.even(2),
    is_converted=False,
)
#: Everything free but the arrays, the memory and one vector operation per result.
IDEAL = ideal(SystolicParameters, conversion_ops=1.0, hbm_efficiency=1.0, native_matrix_efficiency=1.0)
ONE_CORE = replace(MACHINE, num_cores=1, chip_cores=1)
