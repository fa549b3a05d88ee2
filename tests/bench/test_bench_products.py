"""Benchmark of a table of products; run with ``pytest tests/bench/test_bench_products.py --benchmark-enable``.

It never fails on time; ``tests/unit/cost/gpu/test_gpu_gemm.py`` does (100,000 products in 5 s of CPU time).  On one
core of a busy machine a product of 1 to 65,536 per extent took 25 us with the tiles of the A100 and 40 us with those
of the H100.
"""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.cost.gpu.gemm import GemmParameters, gemm_times
from accelsim.cost.gpu.gemm_shapes import GemmShapes
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.dtypes import DType
from accelsim.hardware.system import load_chip

PRODUCTS = 20_000


@pytest.mark.parametrize("name", ["nvidia-a100-sxm-80gb", "nvidia-h100-sxm"])
def test_bench_table_of_products(benchmark: BenchmarkFixture, name: str) -> None:
    chip = load_chip(name)
    machine, parameters = GpuMachine.of(chip), chip.calibrated("gemm", GemmParameters)
    m, n, k = np.exp(np.random.default_rng(0).uniform(0.0, np.log(65536), (3, PRODUCTS))).astype(int)
    peak = chip.peak_flops_per_s(DType.BF16, 1)
    shapes = GemmShapes.of(m=m, n=n, k=k, core_flops_per_s=peak)
    times = benchmark(gemm_times, machine, parameters, shapes)
    assert times.total_s.size == PRODUCTS
    assert np.all(times.total_s > 0)
